//! What lists show of a run besides its start and its close: search attributes and
//! memo as its code changes them (WF-27), and why it is blocked (VIS-07).

use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::{Memo, SearchAttributes};
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    UpsertWorkflowSearchAttributesEventAttributes, WorkflowPropertiesModifiedEventAttributes,
};

use super::Run;
use crate::search::{IndexedAttribute, REPORTED_PROBLEMS, Value, indexed};
use crate::time::Timestamp;

impl Run {
    /// `whole`: all that the run has then; the code knows it, the run does not.
    pub(super) fn upsert_search_attributes(
        &mut self,
        now: Timestamp,
        completed: i64,
        changed: SearchAttributes,
        whole: &SearchAttributes,
    ) {
        self.staged.index(indexed(&changed.indexed_fields));
        self.staged.search_attributes = Some(whole.encode_to_vec());
        let attributes = UpsertWorkflowSearchAttributesEventAttributes {
            workflow_task_completed_event_id: completed,
            search_attributes: Some(changed),
        };
        self.record_event(
            now,
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(attributes),
        );
    }

    /// `whole`: all that the run has then.
    pub(super) fn upsert_memo(
        &mut self,
        now: Timestamp,
        completed: i64,
        changed: Memo,
        whole: &Memo,
    ) {
        self.staged.memo = Some(whole.encode_to_vec());
        self.staged.visibility = true;
        let attributes = WorkflowPropertiesModifiedEventAttributes {
            workflow_task_completed_event_id: completed,
            upserted_memo: Some(changed),
        };
        self.record_event(
            now,
            Attributes::WorkflowPropertiesModifiedEventAttributes(attributes),
        );
    }

    /// Memo and search attributes as this step has changed them, as wire messages.
    pub fn staged_properties(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        (
            self.staged.memo.as_deref(),
            self.staged.search_attributes.as_deref(),
        )
    }

    /// Why the run is blocked, as Temporal's tools look for it.
    pub fn problems(&self) -> Vec<String> {
        let Some(blocked) = &self.record.blocked else {
            return Vec::new();
        };
        let cause = WorkflowTaskFailedCause::try_from(blocked.cause).unwrap_or_default();
        vec![
            "category=WorkflowTaskFailed".to_owned(),
            format!("cause=WorkflowTaskFailedCause{}", camel_case(cause)),
        ]
    }

    /// It is not blocked any more.
    pub(super) fn unblock(&mut self) {
        let reported = self.problems();
        self.record.blocked = None;
        self.report_problems(reported);
    }

    /// Tells the lists, if there is something else to tell than before.
    pub(super) fn report_problems(&mut self, reported: Vec<String>) {
        let problems = self.problems();
        if problems != reported {
            let name = REPORTED_PROBLEMS.to_owned();
            let values = problems.into_iter().map(Value::Text).collect();
            self.staged.index(vec![IndexedAttribute { name, values }]);
        }
    }
}

/// `WORKFLOW_TASK_FAILED_CAUSE_BAD_BINARY` as `BadBinary`.
fn camel_case(cause: WorkflowTaskFailedCause) -> String {
    let name = cause.as_str_name();
    let name = name.trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_");
    name.split('_')
        .filter_map(|word| word.split_at_checked(1))
        .map(|(first, rest)| format!("{first}{}", rest.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vis_07_causes_are_named_as_temporal_names_them() {
        for (cause, name) in [
            (
                WorkflowTaskFailedCause::NonDeterministicError,
                "NonDeterministicError",
            ),
            (
                WorkflowTaskFailedCause::BadSearchAttributes,
                "BadSearchAttributes",
            ),
            (
                WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                "WorkflowWorkerUnhandledFailure",
            ),
        ] {
            assert_eq!(camel_case(cause), name);
        }
    }
}
