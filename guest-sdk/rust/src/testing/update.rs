//! Updates in a test run: sent, decided, completed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bindings::mainspring::workflow::events::{Event, Update};
use crate::bindings::mainspring::workflow::types;
use crate::duration;
use crate::failure::{self, ApplicationFailure, Failure};
use crate::payload::{self, FromPayloads, IntoPayloads};
use crate::testing::command::Command;
use crate::testing::host::{Due, TestHost};
use crate::testing::run::TestRun;
use crate::workflow::Workflow;

type Outcome = Result<types::Payload, types::Failure>;

/// The updates of a run.
#[derive(Default)]
pub(crate) struct Updates {
    /// The outcome of each, once it has one.
    sent: BTreeMap<String, Option<Outcome>>,
    /// The one that the workflow looks at.
    deciding: Option<String>,
    /// It was refused.
    rejected: bool,
}

impl TestHost {
    /// The workflow is about to look at an update: it may start nothing.
    pub(crate) fn begin_update(&self, id: &str) {
        let mut state = self.state.borrow_mut();
        state.updates.deciding = Some(id.to_owned());
        state.updates.rejected = false;
        state.set_reading(true);
    }

    /// Whether the update just delivered was refused.
    pub(crate) fn take_rejected(&self) -> bool {
        std::mem::take(&mut self.state.borrow_mut().updates.rejected)
    }

    pub(crate) fn accept_update(&self, id: &str) {
        let mut state = self.state.borrow_mut();
        state.decide(id);
        state
            .commands
            .push(Command::AcceptUpdate { id: id.to_owned() });
    }

    pub(crate) fn reject_update(&self, id: &str, reason: types::Failure) {
        let mut state = self.state.borrow_mut();
        state.decide(id);
        state.updates.rejected = true;
        state.updates.sent.insert(id.to_owned(), Some(Err(reason)));
    }

    pub(crate) fn complete_update(&self, id: &str, outcome: Outcome) {
        let mut state = self.state.borrow_mut();
        state.commands.push(Command::CompleteUpdate {
            id: id.to_owned(),
            result: match &outcome {
                Ok(result) => Ok(result.clone().into()),
                Err(failure) => Err(failure::from_wire(failure.clone())),
            },
        });
        state.updates.sent.insert(id.to_owned(), Some(outcome));
    }
}

impl crate::testing::host::State {
    fn decide(&mut self, id: &str) {
        assert_eq!(
            self.updates.deciding.take().as_deref(),
            Some(id),
            "the workflow decided an update that it was not asked about"
        );
        self.set_reading(false);
    }
}

impl<W: Workflow> TestRun<W> {
    /// Sends an update now and gives its ID.
    ///
    /// Panics if the value cannot be encoded.
    pub fn start_update(&mut self, name: &str, input: impl IntoPayloads) -> String {
        self.start_update_after(Duration::ZERO, name, input)
    }

    /// Sends an update when this much virtual time has passed from now.
    ///
    /// Panics if the value cannot be encoded.
    pub fn start_update_after(
        &mut self,
        delay: Duration,
        name: &str,
        input: impl IntoPayloads,
    ) -> String {
        let input = match input.to_payloads() {
            Ok(input) => payload::to_wire(input),
            Err(error) => panic!("the input of update {name:?} cannot be encoded: {error}"),
        };
        let id = {
            let mut state = self.host.state.borrow_mut();
            let id = format!("update-{}", state.updates.sent.len() + 1);
            state.updates.sent.insert(id.clone(), None);
            id
        };
        let update = Update {
            id: id.clone(),
            name: name.to_owned(),
            input,
            headers: Vec::new(),
            identity: "test".to_owned(),
            run_validator: true,
        };
        let due = Due::Message(Event::Update(update));
        self.host.agree(duration::to_ns(delay), due);
        id
    }

    /// What became of an update: absent while it has no outcome. A refused one has
    /// its validator's failure.
    pub fn update_outcome<T: FromPayloads>(&self, id: &str) -> Option<Result<T, Failure>> {
        let outcome = self.host.state.borrow().updates.sent.get(id)?.clone()?;
        Some(match outcome {
            Ok(result) => T::from_payloads(&[result.into()])
                .map_err(|error| ApplicationFailure::new(error).into()),
            Err(failure) => Err(failure::from_wire(failure)),
        })
    }

    /// Sends an update now and skips time until it has its outcome.
    ///
    /// Panics if the run ends, or waits for something that never comes, before.
    pub fn execute_update<T: FromPayloads>(
        &mut self,
        name: &str,
        input: impl IntoPayloads,
    ) -> Result<T, Failure> {
        let id = self.start_update(name, input);
        loop {
            if let Some(outcome) = self.update_outcome(&id) {
                return outcome;
            }
            assert!(
                self.step(None),
                "update {name:?} has no outcome, and nothing more happens in the run"
            );
        }
    }
}
