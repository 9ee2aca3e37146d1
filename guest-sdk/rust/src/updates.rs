//! Updates: looked at, accepted, done, answered (MSG-11..15).
//!
//! The order is the contract's: the validator runs first, in a read phase, and not
//! at all where the update was accepted before; then the update is accepted; then
//! its handler runs, and what it returns is the outcome.

use futures::FutureExt;

use crate::bindings::mainspring::workflow::events::Update;
use crate::failure::{ApplicationFailure, Failure};
use crate::host;
use crate::info::WorkflowContextView;
use crate::instance::TypedInstance;
use crate::payload::{self, Payload};
use crate::running::Kind;
use crate::termination::{WorkflowResult, WorkflowTermination};
use crate::workflow::{HandlerDescription, UpdateDispatch, UpdateVerdict, Workflow};

impl<W: Workflow> TypedInstance<W> {
    /// Takes one update. False if it was refused: then nothing has changed.
    pub(crate) fn update(&mut self, update: Update) -> bool {
        let input = payload::from_wire(update.input);
        let verdict = if update.run_validator {
            self.validate(&update.name, &input)
        } else {
            Ok(true)
        };
        match verdict {
            Ok(true) => host::accept_update(&update.id),
            Ok(false) => host::accept_unvalidated_update(&update.id),
            Err(reason) => {
                host::reject_update(&update.id, reason.into());
                return false;
            }
        }
        match W::__update(&self.ctx, &update.name, &input) {
            UpdateDispatch::Done(result) => complete::<W>(&update.id, result),
            UpdateDispatch::Task(handler) => {
                let warns = W::UPDATES
                    .iter()
                    .find(|known| known.name == update.name)
                    .or_else(|| W::UPDATES.iter().find(|known| known.name.is_empty()))
                    .is_none_or(|known| known.warns_if_unfinished);
                let runtime = self.runtime.clone();
                let number = runtime
                    .running
                    .begin(Kind::Update, &update.name, &update.id, warns);
                let task = handler.map(move |result| {
                    runtime.running.end(number);
                    complete::<W>(&update.id, result);
                });
                self.executor.spawn(task.boxed_local());
            }
            UpdateDispatch::Refused(error) => panic!(
                "workflow {} cannot read update {:?}, which it accepted before: {error}",
                W::NAME,
                update.name
            ),
            UpdateDispatch::Unhandled => panic!(
                "workflow {} has no handler for update {:?}, which it accepted before",
                W::NAME,
                update.name
            ),
        }
        true
    }

    /// Whether a validator has let the update pass; false: it has none.
    fn validate(&self, name: &str, input: &[Payload]) -> Result<bool, Failure> {
        let view = WorkflowContextView::new(self.runtime.clone());
        let refused = |reason: String| Err(ApplicationFailure::non_retryable(reason).into());
        match self.ctx.state(|state| state.__validate(&view, name, input)) {
            UpdateVerdict::Passed => Ok(true),
            UpdateVerdict::Unvalidated => Ok(false),
            UpdateVerdict::Failed(failure) => Err(failure),
            UpdateVerdict::Refused(error) => refused(format!("update {name:?}: {error}")),
            UpdateVerdict::Unhandled => refused(format!(
                "unknown update {name:?}; workflow {} handles [{}]",
                W::NAME,
                names(W::UPDATES)
            )),
        }
    }
}

/// The outcome of an update: its failure leaves the run as it is (MSG-15).
fn complete<W: Workflow>(update_id: &str, result: WorkflowResult<Payload>) {
    let outcome = match result {
        Ok(result) => Ok(result.into()),
        Err(WorkflowTermination::Failed(failure)) => Err(failure.into()),
        Err(WorkflowTermination::Cancelled { details }) => {
            Err(Failure::cancelled("the update was cancelled", details).into())
        }
        Err(WorkflowTermination::ContinuedAsNew(_)) => {
            let reason = "an update handler cannot continue the run as new; let `run` do it";
            let failure: Failure = ApplicationFailure::non_retryable(reason).into();
            Err(failure.into())
        }
        Err(WorkflowTermination::TaskFailed(error)) => {
            panic!("workflow {} cannot answer an update: {error}", W::NAME)
        }
    };
    host::complete_update(update_id, outcome);
}

/// The names of handlers, for a sentence.
pub(crate) fn names(handlers: &[HandlerDescription]) -> String {
    let names: Vec<_> = handlers.iter().map(|handler| handler.name).collect();
    names.join(", ")
}
