//! Updates: messages that the code may refuse and that answer (MSG-11..17).
//!
//! ```text
//! unknown  + admitted               -> admitted: in memory alone, in the order of arrival
//! admitted + a task carries it,
//!            the code accepts       -> accepted: UpdateAccepted, with the request
//! admitted + the code rejects it    -> unknown: no event, no trace              (MSG-12)
//! admitted + the run closes, or the
//!            server stops           -> gone: its callers hear so                (MSG-16)
//! accepted + the code completes it  -> completed: UpdateCompleted, with the outcome
//! accepted + the run closes         -> failed for good, without an event        (MSG-16)
//! ```
//!
//! An update is an activation of its own: it waits until nothing recorded does, so
//! a replay hands it out behind an empty batch, where its UpdateAccepted is. In the
//! run's first task it comes behind the early messages, before the main function.

use std::collections::VecDeque;

use prost::Message as _;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
};
use temporalio_protos::temporal::api::update::v1::{Meta, Outcome, Request, outcome};

use super::record::AcceptedUpdateRecord;
use super::{InputError, OpenTask, Run};
use crate::failure;
use crate::guest::{UpdateDelivery, UpdateOutcome};
use crate::time::Timestamp;
use crate::transition::CompletedUpdate;

/// Updates that were admitted and not decided yet. Nothing of them is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Updates {
    admitted: VecDeque<Request>,
    /// What they carry.
    bytes: usize,
}

/// How far an open update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateStage {
    /// It waits for the code's verdict.
    Admitted,
    /// The code is at work on it; carries its UpdateAccepted event.
    Accepted(i64),
}

impl Run {
    /// Takes an update in: it waits for the code. The caller has checked that its
    /// ID is new to this run (MSG-13).
    pub fn admit_update(&mut self, request: Request) -> Result<(), InputError> {
        self.take_input()?;
        let limits = self.limits;
        let in_flight = self.updates.admitted.len() + self.record.accepted_updates.len();
        if in_flight >= limits.updates_in_flight {
            return Err(InputError::Limit(format!(
                "run {} has {in_flight} updates in flight (limit updates-in-flight); \
                 wait for some to complete",
                self.run_id
            )));
        }
        let bytes = self.updates.bytes.saturating_add(request.encoded_len());
        if bytes > limits.updates_in_flight_bytes {
            return Err(InputError::Limit(format!(
                "the updates that wait for run {} carry more than {} bytes \
                 (limit updates-in-flight-bytes); wait for some to complete",
                self.run_id, limits.updates_in_flight_bytes
            )));
        }
        let total = self.record.updates_accepted + self.updates.admitted.len() as u64;
        if total >= limits.run_updates as u64 {
            return Err(InputError::Exhausted(format!(
                "run {} has had {total} updates (limit run-updates); \
                 have the workflow continue as new",
                self.run_id
            )));
        }
        self.updates.bytes = bytes;
        self.updates.admitted.push_back(request);
        Ok(())
    }

    /// How far the update with this ID has come, if it is open.
    pub fn update_stage(&self, update_id: &str) -> Option<UpdateStage> {
        if self.updates.position(update_id).is_some() {
            return Some(UpdateStage::Admitted);
        }
        let accepted = self.record.accepted_updates.iter();
        accepted
            .filter(|update| update.update_id == update_id)
            .map(|update| UpdateStage::Accepted(update.accepted_event_id))
            .next()
    }

    /// Whether outcomes of updates of this run are on disk or about to be.
    pub fn has_completed_updates(&self) -> bool {
        self.record.updates_accepted > self.record.accepted_updates.len() as u64
    }

    /// The outcome of an update that was completed in this step.
    pub fn outcome_of_this_step(&self, update_id: &str) -> Option<Outcome> {
        let mut completed = self.staged.completed_updates.iter();
        let completed = completed.find(|update| update.update_id == update_id)?;
        let mut events = self.staged.events.iter();
        let event = events.find(|event| event.event_id == completed.completed_event_id)?;
        match &event.attributes {
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(a)) => {
                a.outcome.clone()
            }
            _ => None,
        }
    }

    /// Whether updates wait for the code.
    pub fn has_admitted_updates(&self) -> bool {
        !self.updates.admitted.is_empty()
    }

    /// Whether a task can begin now for no other reason than an update.
    pub fn owes_update(&self) -> bool {
        let retry_due = self.record.blocked.as_ref().is_none_or(|b| b.retry_due);
        self.is_open() && self.has_admitted_updates() && retry_due
    }

    /// The update that goes with the task about to begin: the oldest, where
    /// nothing recorded waits, or where no task was completed yet.
    pub fn next_update(&self, batch_is_empty: bool) -> Option<UpdateDelivery> {
        if !batch_is_empty && self.record.had_task {
            return None;
        }
        self.updates.admitted.front().map(|request| UpdateDelivery {
            request: request.clone(),
            run_validator: true,
        })
    }

    /// The code has rejected an update: it never was (MSG-12).
    pub fn reject_update(&mut self, update_id: &str) {
        self.updates.take(update_id);
    }

    /// Takes all updates that wait: the run has closed. A successor that goes on
    /// with the run's work admits them; without one their callers hear that the
    /// workflow is over.
    pub fn take_admitted_updates(&mut self) -> Vec<Request> {
        self.updates.bytes = 0;
        self.updates.admitted.drain(..).collect()
    }

    /// WF-14: whether it nears the number of updates that it may take.
    pub(super) fn has_many_updates(&self) -> bool {
        self.record.updates_accepted >= self.limits.run_updates as u64 / 10 * 9
    }

    /// Records the begin of a task that was to be written when it succeeds, if
    /// nothing came in since it began: from here on messages are recorded behind
    /// its batch, and it needs not be done again for them.
    pub fn write_task_begin(&mut self, task: &mut OpenTask) {
        if task.unwritten && self.is_open() && self.record.next_event_id == task.scheduled_event_id
        {
            self.record_task_begin(task.started_at, task.attempt);
            task.unwritten = false;
        }
    }

    pub(super) fn accept_update(&mut self, now: Timestamp, task_event_id: i64, update_id: &str) {
        // It is there: nothing else takes an update from a task that carries it.
        let Some(request) = self.updates.take(update_id) else {
            return;
        };
        self.record_event(
            now,
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(
                WorkflowExecutionUpdateAcceptedEventAttributes {
                    protocol_instance_id: update_id.to_owned(),
                    accepted_request_message_id: format!("{update_id}/request"),
                    accepted_request_sequencing_event_id: task_event_id,
                    accepted_request: Some(request),
                },
            ),
        );
    }

    pub(super) fn complete_update(
        &mut self,
        now: Timestamp,
        update_id: String,
        given: UpdateOutcome,
    ) {
        let mut accepted = self.record.accepted_updates.iter();
        // The session lets the code complete what it has accepted, once.
        let Some(accepted) = accepted.find(|update| update.update_id == update_id) else {
            return;
        };
        let value = match given {
            Ok(result) => outcome::Value::Success(result.unwrap_or_default()),
            Err(failure) => outcome::Value::Failure(failure),
        };
        let attributes = WorkflowExecutionUpdateCompletedEventAttributes {
            meta: Some(Meta {
                update_id,
                identity: accepted.identity.clone(),
            }),
            accepted_event_id: accepted.accepted_event_id,
            outcome: Some(Outcome { value: Some(value) }),
        };
        self.record_event(
            now,
            Attributes::WorkflowExecutionUpdateCompletedEventAttributes(attributes),
        );
    }

    pub(super) fn apply_accepted(
        &mut self,
        event_id: i64,
        accepted: &WorkflowExecutionUpdateAcceptedEventAttributes,
    ) {
        let meta = accepted
            .accepted_request
            .as_ref()
            .and_then(|request| request.meta.as_ref());
        self.record.updates_accepted += 1;
        self.record.accepted_updates.push(AcceptedUpdateRecord {
            update_id: accepted.protocol_instance_id.clone(),
            accepted_event_id: event_id,
            identity: meta.map(|meta| meta.identity.clone()).unwrap_or_default(),
        });
    }

    pub(super) fn apply_completed(
        &mut self,
        event_id: i64,
        completed: &WorkflowExecutionUpdateCompletedEventAttributes,
    ) {
        let update_id = completed.meta.clone().unwrap_or_default().update_id;
        self.record
            .accepted_updates
            .retain(|update| update.update_id != update_id);
        self.staged.completed_updates.push(CompletedUpdate {
            update_id,
            completed_event_id: event_id,
        });
    }
}

impl Updates {
    fn position(&self, update_id: &str) -> Option<usize> {
        self.admitted
            .iter()
            .position(|request| update_id_of(request) == update_id)
    }

    fn take(&mut self, update_id: &str) -> Option<Request> {
        let request = self.admitted.remove(self.position(update_id)?)?;
        self.bytes = self.bytes.saturating_sub(request.encoded_len());
        Some(request)
    }
}

/// The ID that a request carries.
pub fn update_id_of(request: &Request) -> &str {
    request.meta.as_ref().map_or("", |meta| &meta.update_id)
}

/// The outcome of an update that was accepted and whose run closed before it
/// completed (MSG-16).
pub fn closed_before_completion() -> Failure {
    failure::non_retryable(
        "Workflow Update failed because the Workflow completed before the Update completed.",
        "AcceptedUpdateCompletedWorkflow",
    )
}
