//! What lists show of a run is what its history says: memo and search attributes.

use std::collections::HashMap;

use mainspring_engine::ids::RunId;
use mainspring_engine::search::is_null;
use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::{Memo, Payload, SearchAttributes};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use crate::check::Histories;
use crate::rows::Rows;

type Fields = HashMap<String, Payload>;

/// Memo and search attributes of a run.
#[derive(Debug, Default, PartialEq)]
struct Properties {
    memo: Fields,
    search_attributes: Fields,
}

/// The rows show what the history says, and a run that continues as new hands it on.
pub(crate) fn as_recorded(
    rows: &Rows,
    run_id: RunId,
    events: &[HistoryEvent],
    histories: &Histories,
) -> Result<(), String> {
    let recorded = recorded(events);
    let row = rows.visibility.get(&run_id).ok_or("no list shows it")?;
    let memo = Memo::decode(row.memo.as_deref().unwrap_or_default());
    let attributes = row.search_attributes.as_deref().unwrap_or_default();
    let attributes = SearchAttributes::decode(attributes);
    let shown = Properties {
        memo: memo.map_err(|error| error.to_string())?.fields,
        search_attributes: attributes
            .map_err(|error| error.to_string())?
            .indexed_fields,
    };
    if shown != recorded {
        return Err(format!(
            "lists show {shown:?} of it, and its history says {recorded:?}"
        ));
    }
    let last = events.last().and_then(|event| event.attributes.as_ref());
    let Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(closed)) = last else {
        return Ok(());
    };
    let mut successors = histories.iter();
    let successor =
        successors.find(|(run_id, _)| run_id.to_string() == closed.new_execution_run_id);
    let Some((next, (_, events))) = successor else {
        return Err("its successor is not there".to_owned());
    };
    let begun = recorded_at_start(events);
    match begun == recorded {
        true => Ok(()),
        false => Err(format!(
            "it ends with {recorded:?} and its successor {next} begins with {begun:?}"
        )),
    }
}

/// What a run begins with.
fn recorded_at_start(events: &[HistoryEvent]) -> Properties {
    recorded(events.get(..1).unwrap_or_default())
}

/// What the events come to.
fn recorded(events: &[HistoryEvent]) -> Properties {
    let mut properties = Properties::default();
    for event in events {
        match &event.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => {
                let memo = started.memo.clone().unwrap_or_default();
                let attributes = started.search_attributes.clone().unwrap_or_default();
                properties.memo = memo.fields;
                properties.search_attributes = attributes.indexed_fields;
            }
            Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(upsert)) => {
                let changed = upsert.search_attributes.clone().unwrap_or_default();
                change(&mut properties.search_attributes, changed.indexed_fields);
            }
            Some(Attributes::WorkflowPropertiesModifiedEventAttributes(modified)) => {
                let changed = modified.upserted_memo.clone().unwrap_or_default();
                change(&mut properties.memo, changed.fields);
            }
            _ => {}
        }
    }
    properties
}

fn change(whole: &mut Fields, changed: Fields) {
    for (name, value) in changed {
        match is_null(&value) {
            true => drop(whole.remove(&name)),
            false => drop(whole.insert(name, value)),
        }
    }
}
