//! Updates: the one message that the code may refuse, and that it answers.
//!
//! ```text
//! none      + the code takes the event   -> deciding: a read phase
//! deciding  + accept                     -> accepted: the code may act again
//! deciding  + reject                     -> rejected: what the task asks for from here on
//!                                           is thrown away by its driver
//! deciding  + the task ends              -> rejected: the code does not know updates
//! accepted  + complete                   -> completed, in this task or a later one
//! ```

use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
use temporalio_protos::temporal::api::failure::v1::Failure;

use super::{GuestFault, Session};
use crate::failure;
use crate::guest::{Command, GuestEvent, UpdateDelivery, UpdateOutcome};
use crate::random::RandomStream;

/// The update that the task in hand carries.
#[derive(Clone, Debug)]
pub(super) struct UpdateInHand {
    id: String,
    name: String,
    run_validator: bool,
    /// The instance was tainted before it looked at this update.
    tainted_before: bool,
    verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// The code has not taken the event.
    NotHeard,
    /// The code looks at it.
    Deciding,
    Accepted,
    Rejected(Failure),
}

impl Session {
    /// Whether the code has accepted the update of the task in hand.
    pub fn has_accepted_update(&self) -> bool {
        let update = self.update.as_ref();
        update.is_some_and(|update| update.verdict == Verdict::Accepted)
    }

    /// The code accepts the update in hand.
    pub fn accept_update(&mut self, update_id: &str) -> Result<(), GuestFault> {
        let update = self.deciding(update_id, "accepted")?;
        update.verdict = Verdict::Accepted;
        let name = update.name.clone();
        self.open_updates.insert(update_id.to_owned());
        self.commands.push(Command::AcceptUpdate {
            update_id: update_id.to_owned(),
            name,
        });
        Ok(())
    }

    /// The code accepts the update in hand, and has not looked at it: no read has
    /// taken place.
    pub fn accept_unvalidated_update(&mut self, update_id: &str) -> Result<(), GuestFault> {
        self.accept_update(update_id)?;
        if let Some(update) = &self.update {
            self.tainted = update.tainted_before;
        }
        Ok(())
    }

    /// The code rejects the update in hand; its caller hears why.
    pub fn reject_update(&mut self, update_id: &str, reason: Failure) -> Result<(), GuestFault> {
        self.check_failure("the rejection of an update", &reason)?;
        let update = self.deciding(update_id, "rejected")?;
        if !update.run_validator {
            return Err(GuestFault::new(
                Cause::NonDeterministicError,
                format!(
                    "update {update_id:?} was rejected, but it was accepted before: \
                     a validator must not run where `run-validator` is false"
                ),
            ));
        }
        update.verdict = Verdict::Rejected(reason);
        Ok(())
    }

    /// An accepted update has its outcome.
    pub fn complete_update(
        &mut self,
        update_id: &str,
        outcome: UpdateOutcome,
    ) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(self.read_only("complete an update"));
        }
        if !self.open_updates.contains(update_id) {
            return Err(misuse(format!(
                "update {update_id:?} was completed, but it is not open: \
                 it was never accepted, or completed before"
            )));
        }
        self.count_outcome(&outcome)?;
        self.open_updates.remove(update_id);
        self.commands.push(Command::CompleteUpdate {
            update_id: update_id.to_owned(),
            outcome,
        });
        Ok(())
    }

    /// Puts the task's update behind its batch.
    pub(super) fn bring_update(&mut self, delivery: UpdateDelivery) {
        let meta = delivery.request.meta.unwrap_or_default();
        let input = delivery.request.input.unwrap_or_default();
        self.update = Some(UpdateInHand {
            id: meta.update_id.clone(),
            name: input.name.clone(),
            run_validator: delivery.run_validator,
            tainted_before: self.tainted,
            verdict: Verdict::NotHeard,
        });
        self.batch.push_back(GuestEvent::Update {
            id: meta.update_id,
            name: input.name,
            input: input.args,
            header: input.header,
            identity: meta.identity,
            run_validator: delivery.run_validator,
        });
    }

    /// The code has taken the event: a read phase begins.
    pub(super) fn update_heard(&mut self) {
        let original_run_id = &self.facts.started.original_execution_run_id;
        if let Some(update) = &mut self.update {
            update.verdict = Verdict::Deciding;
            self.tainted |= update.run_validator;
            self.read_random = RandomStream::of_read(original_run_id);
        }
    }

    pub(super) fn deciding_update(&self) -> bool {
        let update = self.update.as_ref();
        update.is_some_and(|update| update.verdict == Verdict::Deciding)
    }

    /// At the end of a task: why the code did not take its update, if so.
    pub(super) fn finish_update(&mut self) -> Option<Failure> {
        let update = self.update.take()?;
        match update.verdict {
            Verdict::Rejected(reason) => Some(reason),
            Verdict::Deciding if update.run_validator => Some(unprocessed()),
            Verdict::NotHeard => self.turn_update_away(),
            Verdict::Deciding | Verdict::Accepted => None,
        }
    }

    fn deciding(&mut self, update_id: &str, verb: &str) -> Result<&mut UpdateInHand, GuestFault> {
        match &mut self.update {
            Some(update) if update.id == update_id && update.verdict == Verdict::Deciding => {
                Ok(update)
            }
            _ => Err(misuse(format!(
                "update {update_id:?} was {verb}, but it does not wait for that \
                 (it was decided before, or is another one)"
            ))),
        }
    }
}

fn misuse(message: String) -> GuestFault {
    GuestFault::new(Cause::BadUpdateWorkflowExecutionMessage, message)
}

fn unprocessed() -> Failure {
    failure::non_retryable(
        "Workflow Update is rejected because it wasn't processed by worker. \
         Probably, Workflow Update is not supported by the worker.",
        "UnprocessedUpdate",
    )
}
