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
        self.note_message();
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
        let may_begin = self.record.first_task_at_ns == 0;
        self.is_open() && self.has_admitted_updates() && retry_due && may_begin
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
        self.record.updates_accepted * 10 >= self.limits.run_updates as u64 * 9
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

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause};
    use temporalio_protos::temporal::api::history::v1::HistoryEvent;

    use super::super::tests::request;
    use super::super::{SignalInput, TaskMeta};
    use super::*;
    use crate::guest::{Command, TaskFailure};
    use crate::history;
    use crate::limits::Limits;

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

    fn update(id: &str) -> Request {
        Request {
            meta: Some(Meta {
                update_id: id.into(),
                identity: "caller".into(),
            }),
            ..Request::default()
        }
    }

    fn run_with(limits: &Limits) -> Run {
        let mut run = Run::start(request(), NOW, limits);
        task(&mut run, Vec::new()).unwrap();
        run
    }

    fn task(
        run: &mut Run,
        commands: Vec<Command>,
    ) -> Result<Vec<HistoryEvent>, crate::run::TaskRefused> {
        let task = run.begin_task(NOW);
        run.complete_task(NOW, &task, commands, &TaskMeta::default())
    }

    fn accept(id: &str) -> Command {
        Command::AcceptUpdate {
            update_id: id.into(),
            name: "add".into(),
        }
    }

    fn complete(id: &str) -> Command {
        Command::CompleteUpdate {
            update_id: id.into(),
            outcome: Ok(None),
        }
    }

    /// What was staged since the last look.
    fn kinds(run: &mut Run) -> Vec<EventType> {
        let events = run.take_change().and_then(|change| change.events);
        let events = events.map(|batch| history::decode(&batch).unwrap());
        let events = events.unwrap_or_default();
        events.iter().map(HistoryEvent::event_type).collect()
    }

    #[test]
    fn msg_11_an_update_is_a_task_of_its_own_from_acceptance_to_outcome() {
        let mut run = run_with(&Limits::default());
        kinds(&mut run);
        run.admit_update(update("u")).unwrap();
        assert_eq!(run.update_stage("u"), Some(UpdateStage::Admitted));
        assert!(run.owes_update() && !run.owes_task());
        assert!(!run.has_staged(), "an admitted update is in memory alone");
        let events = task(&mut run, vec![accept("u"), complete("u")]).unwrap();
        assert_eq!(run.update_stage("u"), None);
        assert!(run.outcome_of_this_step("u").is_some());
        let Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) =
            &events[1].attributes
        else {
            panic!("{events:?}")
        };
        assert_eq!(completed.accepted_event_id, events[0].event_id);
        assert_eq!(completed.meta.as_ref().unwrap().identity, "caller");
        use EventType as E;
        assert_eq!(
            kinds(&mut run),
            [
                E::WorkflowTaskScheduled,
                E::WorkflowTaskStarted,
                E::WorkflowTaskCompleted,
                E::WorkflowExecutionUpdateAccepted,
                E::WorkflowExecutionUpdateCompleted,
            ]
        );
    }

    #[test]
    fn msg_12_a_rejected_update_leaves_nothing_behind() {
        let mut run = run_with(&Limits::default());
        kinds(&mut run);
        run.admit_update(update("u")).unwrap();
        assert!(run.begin_task(NOW).unwritten);
        run.reject_update("u");
        assert!(!run.has_staged() && !run.owes_update());
        assert_eq!(run.update_stage("u"), None);
    }

    #[test]
    fn what_is_recorded_comes_before_an_update_but_for_the_first_task() {
        let mut run = Run::start(request(), NOW, &Limits::default());
        run.admit_update(update("early")).unwrap();
        assert!(run.next_update(true).is_some() && run.next_update(false).is_some());
        task(&mut run, vec![accept("early")]).unwrap();
        run.admit_update(update("late")).unwrap();
        run.signal(NOW, SignalInput::default()).unwrap();
        assert_eq!(run.next_update(false), None);
        task(&mut run, Vec::new()).unwrap();
        assert!(run.next_update(true).is_some());
    }

    #[test]
    fn a_message_that_comes_in_meanwhile_puts_an_unwritten_update_off() {
        let mut run = run_with(&Limits::default());
        run.admit_update(update("u")).unwrap();
        let open = run.begin_task(NOW);
        run.signal(NOW, SignalInput::default()).unwrap();
        let done = run.complete_task(NOW, &open, vec![accept("u")], &TaskMeta::default());
        assert_eq!(done, Err(crate::run::TaskRefused::BatchChanged));
        assert_eq!(run.update_stage("u"), Some(UpdateStage::Admitted));

        task(&mut run, Vec::new()).unwrap();
        let mut open = run.begin_task(NOW);
        run.write_task_begin(&mut open);
        run.signal(NOW, SignalInput::default()).unwrap();
        let done = run.complete_task(NOW, &open, vec![accept("u")], &TaskMeta::default());
        assert!(
            done.is_ok(),
            "once its begin is written it needs not start again"
        );
        assert!(run.owes_task(), "the signal is the next batch");
    }

    #[test]
    fn msg_15_the_failure_of_an_updates_task_is_written_once_and_the_update_stays() {
        let mut run = run_with(&Limits::default());
        kinds(&mut run);
        run.admit_update(update("u")).unwrap();
        let failure = || TaskFailure {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            message: "a bug".into(),
            details: String::new(),
        };
        let mut open = run.begin_task(NOW);
        run.write_task_begin(&mut open);
        run.fail_task(NOW, failure());
        assert_eq!(kinds(&mut run).last(), Some(&EventType::WorkflowTaskFailed));
        assert!(!run.owes_update(), "not before the retry is due");
        run.wake(NOW + std::time::Duration::from_secs(2));
        assert!(run.owes_update() && run.next_update(true).is_some());
        let again = run.begin_task(NOW);
        assert_eq!((again.attempt, again.unwritten), (2, true));
        run.fail_task(NOW, failure());
        assert_eq!(kinds(&mut run), []);
    }

    #[test]
    fn msg_16_a_closed_run_keeps_what_it_accepted_and_gives_back_what_it_did_not() {
        let mut run = run_with(&Limits::default());
        run.admit_update(update("accepted")).unwrap();
        task(&mut run, vec![accept("accepted")]).unwrap();
        run.admit_update(update("waits")).unwrap();
        run.terminate(NOW, String::new(), None, String::new())
            .unwrap();
        assert!(matches!(
            run.update_stage("accepted"),
            Some(UpdateStage::Accepted(_))
        ));
        let waiting = run.take_admitted_updates();
        assert_eq!(
            waiting.iter().map(update_id_of).collect::<Vec<_>>(),
            ["waits"]
        );
        assert_eq!(run.admit_update(update("late")), Err(InputError::RunClosed));
    }

    #[test]
    fn msg_17_each_limit_is_named() {
        let limits = Limits {
            updates_in_flight: 2,
            updates_in_flight_bytes: 1_000,
            run_updates: 3,
            ..Limits::default()
        };
        let mut run = run_with(&limits);
        let refusal =
            |run: &mut Run, id: &str| run.admit_update(update(id)).unwrap_err().to_string();
        run.admit_update(update("a")).unwrap();
        assert!(refusal(&mut run, &"x".repeat(1_000)).contains("updates-in-flight-bytes"));
        run.admit_update(update("b")).unwrap();
        assert!(refusal(&mut run, "c").contains("limit updates-in-flight)"));
        task(&mut run, vec![accept("a"), complete("a")]).unwrap();
        task(&mut run, vec![accept("b"), complete("b")]).unwrap();
        assert!(!run.begin_task(NOW).info.continue_as_new_suggested);
        run.admit_update(update("c")).unwrap();
        assert!(refusal(&mut run, "d").contains("run-updates"));
        task(&mut run, vec![accept("c"), complete("c")]).unwrap();
        assert_eq!(
            run.admit_update(update("d")),
            Err(InputError::Exhausted(refusal(&mut run, "d")))
        );
    }
}
