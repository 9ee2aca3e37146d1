//! Memo and search attributes of a test run.

use std::collections::BTreeMap;

use crate::bindings::mainspring::workflow::types;
use crate::payload::Payload;
use crate::testing::command::Command;
use crate::testing::host::TestHost;

type Fields = Vec<(String, types::Payload)>;

impl TestHost {
    pub(crate) fn upsert_search_attributes(&self, changes: &[(String, Option<types::Payload>)]) {
        let mut state = self.state.borrow_mut();
        state.assert_may_act();
        apply(&mut state.info.search_attributes, changes);
        let changed = by_name(changes);
        let command = Command::UpsertSearchAttributes { changed };
        state.commands.push(command);
    }

    pub(crate) fn upsert_memo(&self, changes: &[(String, Option<types::Payload>)]) {
        let mut state = self.state.borrow_mut();
        state.assert_may_act();
        apply(&mut state.info.memo, changes);
        let changed = by_name(changes);
        state.commands.push(Command::UpsertMemo { changed });
    }
}

fn apply(fields: &mut Fields, changes: &[(String, Option<types::Payload>)]) {
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.extend(value.clone().map(|value| (name.clone(), value)));
    }
    fields.sort_by(|one, other| one.0.cmp(&other.0));
}

/// The last change of a name holds.
fn by_name(changes: &[(String, Option<types::Payload>)]) -> BTreeMap<String, Option<Payload>> {
    let change = |(name, value): &(String, Option<types::Payload>)| {
        (name.clone(), value.clone().map(Payload::from))
    };
    changes.iter().map(change).collect()
}
