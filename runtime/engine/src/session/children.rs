//! Operations on other runs: children, signals, cancel requests.
//!
//! ```text
//! child: asked for + Started      -> started: the code hears so
//!        asked for + StartFailed  -> resolved: failed
//!        started   + closed       -> resolved
//!        asked for in this task + cancel -> never asked for; resolved: cancelled
//!        any open  + cancel, ABANDON     -> resolved, nobody is told
//!        any open  + cancel, TRY_CANCEL  -> resolved, the child is told
//!        any open  + cancel, WAIT_...    -> the child is told; resolved when the
//!                    request has reached it, or when it has closed
//! ```

use std::collections::{HashMap, VecDeque};

use temporalio_protos::temporal::api::common::v1::{Header, Payloads};
use temporalio_protos::temporal::api::enums::v1::{
    RetryState, SignalExternalWorkflowExecutionFailedCause as SignalCause,
    WorkflowTaskFailedCause as Cause,
};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::operations::{Kind, not_zero};
use super::refusals::{cancel_failed, signal_failed, start_failed};
use super::{GuestFault, Session};
use crate::cron::CronSchedule;
use crate::failure::{self, ChildIdentity};
use crate::guest::{
    ChildCancellation, Command, ExternalTarget, GuestEvent, Handle, Outcome, SignalExternal,
    StartChild,
};
use crate::ids::TaskQueue;
use crate::retry;

/// A child that has no answer yet.
#[derive(Clone, Debug)]
pub(super) struct OpenChild {
    workflow_id: String,
    workflow_type: String,
    cancellation: ChildCancellation,
    /// Empty: not started.
    run_id: String,
    started_event_id: i64,
}

/// A child that the code hears nothing more of, although it has not closed.
#[derive(Clone, Debug)]
struct UnheardChild {
    workflow_id: String,
    event_id: Option<i64>,
}

/// What a session knows of other runs besides its open operations.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Children whose cancel request of this task has no event yet.
    unobserved_cancels: VecDeque<Handle>,
    /// Children that were asked to cancel themselves, by the asking event.
    cancels: HashMap<i64, Handle>,
    unheard: HashMap<Handle, UnheardChild>,
    unheard_by_event: HashMap<i64, Handle>,
}

impl Others {
    /// How many children are open although the code has their answer.
    pub(super) fn unheard(&self) -> usize {
        self.unheard.len()
    }

    pub(super) fn observe_unheard(&mut self, handle: Handle, event_id: i64) {
        if let Some(child) = self.unheard.get_mut(&handle) {
            child.event_id = Some(event_id);
            self.unheard_by_event.insert(event_id, handle);
        }
    }

    pub(super) fn end_of_task(&mut self) {
        self.unobserved_cancels.clear();
    }

    fn closed(&mut self, initiated_event_id: i64) {
        if let Some(handle) = self.unheard_by_event.remove(&initiated_event_id) {
            self.unheard.remove(&handle);
        }
    }
}

/// The attributes of `signal-workflow`.
#[derive(Clone, Debug)]
pub struct SignalRequest {
    /// Any run; `Err`: a child of this run, by its handle.
    pub target: Result<ExternalTarget, Handle>,
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
}

impl Session {
    /// Asks for a child (WF-10).
    pub fn start_child(&mut self, mut asked: StartChild) -> Result<Handle, GuestFault> {
        self.may_start(
            "a child workflow",
            Cause::PendingChildWorkflowsLimitExceeded,
        )?;
        let handle = self.next_handle;
        asked.handle = handle;
        if asked.workflow_id.is_empty() {
            let run_id = &self.facts.started.original_execution_run_id;
            asked.workflow_id = format!("{run_id}_{handle}");
        }
        for timeout in [
            &mut asked.execution_timeout,
            &mut asked.run_timeout,
            &mut asked.task_timeout,
        ] {
            *timeout = not_zero(*timeout);
        }
        self.check_child(&asked)
            .map_err(|what| GuestFault::new(Cause::BadStartChildExecutionAttributes, what))?;
        self.count_child(&asked)?;
        self.add(Kind::Child(OpenChild {
            workflow_id: asked.workflow_id.clone(),
            workflow_type: asked.workflow_type.clone(),
            cancellation: asked.cancellation,
            run_id: String::new(),
            started_event_id: 0,
        }));
        self.commands.push(Command::StartChild(Box::new(asked)));
        Ok(handle)
    }

    fn check_child(&self, asked: &StartChild) -> Result<(), String> {
        if asked.workflow_type.is_empty() {
            return Err("the child workflow has no type".to_owned());
        }
        let queue = asked.task_queue.as_ref().map_or("", TaskQueue::as_str);
        self.check_lengths(&[
            ("type of the child workflow", &asked.workflow_type),
            ("ID of the child workflow", &asked.workflow_id),
            ("task queue of the child workflow", queue),
            ("namespace of the child workflow", &asked.namespace),
            ("cron schedule of the child workflow", &asked.cron_schedule),
            ("version of the child workflow", &asked.version),
        ])?;
        if !asked.cron_schedule.is_empty() {
            CronSchedule::parse(&asked.cron_schedule)?;
        }
        match &asked.retry_policy {
            Some(policy) => retry::check(policy),
            None => Ok(()),
        }
    }

    fn check_lengths(&self, names: &[(&str, &str)]) -> Result<(), String> {
        let limit = self.limits.id_bytes;
        match names.iter().find(|(_, name)| name.len() > limit) {
            Some((what, name)) => Err(format!(
                "the {what} is {} bytes long; {limit} are allowed (limit id-bytes)",
                name.len()
            )),
            None => Ok(()),
        }
    }

    /// Signals another run (WF-16).
    pub fn signal_external(&mut self, request: SignalRequest) -> Result<Handle, GuestFault> {
        self.may_start("a signal", Cause::PendingSignalsLimitExceeded)?;
        let bad = |what: String| GuestFault::new(Cause::BadSignalWorkflowExecutionAttributes, what);
        let target = match request.target {
            Ok(target) => Some(target),
            Err(child) => self.child_target(child)?,
        };
        if request.name.is_empty() {
            return Err(bad("the signal has no name".to_owned()));
        }
        self.check_lengths(&[("name of the signal", &request.name)])
            .map_err(bad)?;
        if let Some(target) = &target {
            self.check_target(target).map_err(bad)?;
        }
        let handle = self.next_handle;
        let Some(target) = target else {
            return Ok(self.signal_to_closed_child(handle));
        };
        let asked = SignalExternal {
            handle,
            target,
            name: request.name,
            input: request.input,
            header: request.header,
        };
        self.count_signal(&asked)?;
        self.add(Kind::SignalExternal {
            workflow_id: workflow_id_of(&asked.target).to_owned(),
        });
        self.commands.push(Command::SignalExternal(asked));
        Ok(handle)
    }

    /// The child has closed, and the code has heard so.
    fn signal_to_closed_child(&mut self, handle: Handle) -> Handle {
        self.next_handle += 1;
        let cause = SignalCause::ExternalWorkflowExecutionNotFound as i32;
        self.local.push_back(GuestEvent::Resolved {
            handle,
            outcome: Outcome::Failed(signal_failed("the child", cause)),
        });
        handle
    }

    /// `None`: the child has closed.
    fn child_target(&self, child: Handle) -> Result<Option<ExternalTarget>, GuestFault> {
        let (workflow_id, initiated_event_id) = match self.open.get(&child) {
            Some(operation) => match &operation.kind {
                Kind::Child(open) => (open.workflow_id.clone(), operation.event_id),
                _ => return Err(not_a_child(child)),
            },
            None => match self.others.unheard.get(&child) {
                Some(unheard) => (unheard.workflow_id.clone(), unheard.event_id),
                None if child == 0 || child >= self.next_handle => return Err(not_a_child(child)),
                None => return Ok(None),
            },
        };
        Ok(Some(ExternalTarget::Child {
            workflow_id,
            initiated_event_id,
        }))
    }

    /// Asks another run to cancel itself (WF-16).
    pub fn cancel_external(
        &mut self,
        target: ExternalTarget,
        reason: String,
    ) -> Result<Handle, GuestFault> {
        self.may_start("a cancel request", Cause::PendingRequestCancelLimitExceeded)?;
        self.check_target(&target).map_err(|what| {
            let cause = Cause::BadRequestCancelExternalWorkflowExecutionAttributes;
            GuestFault::new(cause, what)
        })?;
        self.count_reason(&reason)?;
        let handle = self.next_handle;
        self.add(Kind::CancelExternal {
            workflow_id: workflow_id_of(&target).to_owned(),
        });
        self.commands.push(Command::CancelExternal {
            handle,
            target,
            reason,
        });
        Ok(handle)
    }

    fn check_target(&self, target: &ExternalTarget) -> Result<(), String> {
        let ExternalTarget::Execution {
            namespace,
            workflow_id,
            run_id,
        } = target
        else {
            return Ok(());
        };
        if workflow_id.is_empty() {
            return Err("the other workflow has no ID".to_owned());
        }
        if !run_id.is_empty() && crate::ids::RunId::parse(run_id).is_none() {
            return Err(format!("the run ID {run_id:?} is no UUID"));
        }
        self.check_lengths(&[
            ("ID of the other workflow", workflow_id),
            ("namespace of the other workflow", namespace),
        ])
    }

    // ---- cancelling -------------------------------------------------------

    pub(super) fn cancel_child(
        &mut self,
        handle: Handle,
        child: OpenChild,
        event_id: Option<i64>,
        reason: &str,
    ) {
        let abandons = child.cancellation == ChildCancellation::Abandon;
        let failure = |message: &str, child: &OpenChild| {
            let about = self.about(child, event_id.unwrap_or_default());
            let cause = failure::canceled("child workflow canceled", None);
            failure::child(message, about, RetryState::CancelRequested, Some(cause))
        };
        if event_id.is_none() && !abandons {
            let failure = failure(NEVER_STARTED, &child);
            self.withdraw(handle);
            self.resolve_locally(handle, failure);
            return;
        }
        let failure = failure(CANCELLED, &child);
        if !abandons {
            self.others.unobserved_cancels.push_back(handle);
            self.commands.push(Command::CancelExternal {
                handle,
                target: ExternalTarget::Child {
                    workflow_id: child.workflow_id.clone(),
                    initiated_event_id: event_id,
                },
                reason: reason.to_owned(),
            });
        }
        match child.cancellation {
            ChildCancellation::Abandon | ChildCancellation::TryCancel => {
                self.stop_hearing(handle, child.workflow_id, event_id);
                self.resolve_locally(handle, failure);
            }
            ChildCancellation::WaitCompleted | ChildCancellation::WaitRequested => {}
        }
    }

    /// The child goes on, but the code hears nothing more of it.
    fn stop_hearing(&mut self, handle: Handle, workflow_id: String, event_id: Option<i64>) {
        let child = UnheardChild {
            workflow_id,
            event_id,
        };
        self.others.unheard.insert(handle, child);
        if let Some(event_id) = event_id {
            self.others.unheard_by_event.insert(event_id, handle);
        }
    }

    /// A message that has not left is taken back; one that has cannot be.
    pub(super) fn withdraw_letter(&mut self, handle: Handle, event_id: Option<i64>) {
        if event_id.is_none() {
            self.withdraw(handle);
            let failure = failure::canceled("canceled before it was sent", None);
            self.resolve_locally(handle, failure);
        }
    }

    /// Takes the command that started an operation of this very task back.
    fn withdraw(&mut self, handle: Handle) {
        let starts = |command: &Command| match command {
            Command::StartChild(asked) => asked.handle == handle,
            Command::SignalExternal(asked) => asked.handle == handle,
            Command::CancelExternal {
                handle: of, target, ..
            } => *of == handle && matches!(target, ExternalTarget::Execution { .. }),
            _ => false,
        };
        if let Some(index) = self.commands.iter().rposition(starts) {
            self.commands.remove(index);
        }
        if let Some(index) = self.unobserved.iter().rposition(|other| *other == handle) {
            self.unobserved.remove(index);
        }
    }

    pub(super) fn observe_cancel_of_child(&mut self, event_id: i64) {
        if let Some(handle) = self.others.unobserved_cancels.pop_front() {
            self.others.cancels.insert(event_id, handle);
        }
    }

    // ---- hearing ----------------------------------------------------------

    /// What the code hears of an event about another run.
    pub(super) fn deliverable_of_others(&mut self, event: &HistoryEvent) -> Option<GuestEvent> {
        use Attributes as A;
        match event.attributes.as_ref()? {
            A::ChildWorkflowExecutionStartedEventAttributes(a) => {
                let handle = *self.by_event.get(&a.initiated_event_id)?;
                let Kind::Child(child) = &mut self.open.get_mut(&handle)?.kind else {
                    return None;
                };
                child.started_event_id = event.event_id;
                child.run_id = a.workflow_execution.clone().unwrap_or_default().run_id;
                let run_id = child.run_id.clone();
                Some(GuestEvent::Started { handle, run_id })
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => {
                let cause = start_failed(a.cause(), &a.namespace);
                let state = RetryState::NonRetryableFailure;
                self.child_failed(a.initiated_event_id, NOT_STARTED, state, Some(cause))
            }
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
                self.child_resolved(a.initiated_event_id, |_| Outcome::Success(a.result.clone()))
            }
            A::ChildWorkflowExecutionFailedEventAttributes(a) => self.child_failed(
                a.initiated_event_id,
                "child workflow execution failed",
                a.retry_state(),
                a.failure.clone(),
            ),
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => self.child_failed(
                a.initiated_event_id,
                "child workflow execution terminated",
                RetryState::NonRetryableFailure,
                Some(failure::terminated()),
            ),
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
                self.child_resolved(a.initiated_event_id, |about| {
                    Outcome::TimedOut(failure::child(
                        "child workflow execution timed out",
                        about,
                        a.retry_state(),
                        Some(failure::workflow_timeout()),
                    ))
                })
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
                self.child_resolved(a.initiated_event_id, |about| {
                    let cause = failure::canceled("child workflow canceled", a.details.clone());
                    let state = RetryState::NonRetryableFailure;
                    Outcome::Cancelled(failure::child(CANCELLED, about, state, Some(cause)))
                })
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(a) => {
                self.letter_resolved(a.initiated_event_id, |_| Outcome::Success(None))
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => self
                .letter_resolved(a.initiated_event_id, |to| {
                    Outcome::Failed(signal_failed(to, a.cause))
                }),
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => {
                self.cancel_reached(a.initiated_event_id)
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => {
                // A child that could not be told is closing by itself: its close tells.
                self.others.cancels.remove(&a.initiated_event_id);
                self.letter_resolved(a.initiated_event_id, |to| {
                    Outcome::Failed(cancel_failed(to, a.cause()))
                })
            }
            _ => None,
        }
    }

    fn cancel_reached(&mut self, initiated_event_id: i64) -> Option<GuestEvent> {
        let Some(handle) = self.others.cancels.remove(&initiated_event_id) else {
            return self.letter_resolved(initiated_event_id, |_| Outcome::Success(None));
        };
        let operation = self.open.get(&handle)?;
        let (Kind::Child(child), Some(event_id)) = (&operation.kind, operation.event_id) else {
            return None;
        };
        if child.cancellation != ChildCancellation::WaitRequested {
            return None;
        }
        let workflow_id = child.workflow_id.clone();
        let about = self.about(child, event_id);
        let cause = failure::canceled("child workflow canceled", None);
        let state = RetryState::CancelRequested;
        let outcome = Outcome::Cancelled(failure::child(CANCELLED, about, state, Some(cause)));
        self.forget(handle);
        self.stop_hearing(handle, workflow_id, Some(event_id));
        Some(GuestEvent::Resolved { handle, outcome })
    }

    fn child_failed(
        &mut self,
        initiated_event_id: i64,
        message: &str,
        retry_state: RetryState,
        cause: Option<Failure>,
    ) -> Option<GuestEvent> {
        self.child_resolved(initiated_event_id, |about| {
            Outcome::Failed(failure::child(message, about, retry_state, cause))
        })
    }

    fn child_resolved(
        &mut self,
        initiated_event_id: i64,
        outcome: impl FnOnce(ChildIdentity) -> Outcome,
    ) -> Option<GuestEvent> {
        self.others.closed(initiated_event_id);
        let handle = *self.by_event.get(&initiated_event_id)?;
        let Kind::Child(child) = self.forget(handle)?.kind else {
            return None;
        };
        let outcome = outcome(self.about(&child, initiated_event_id));
        Some(GuestEvent::Resolved { handle, outcome })
    }

    fn letter_resolved(
        &mut self,
        initiated_event_id: i64,
        outcome: impl FnOnce(&str) -> Outcome,
    ) -> Option<GuestEvent> {
        let handle = *self.by_event.get(&initiated_event_id)?;
        let to = match self.forget(handle)?.kind {
            Kind::SignalExternal { workflow_id } | Kind::CancelExternal { workflow_id } => {
                format!("workflow {workflow_id}")
            }
            Kind::Activity { .. } | Kind::Timer { .. } | Kind::Child(_) => return None,
        };
        let outcome = outcome(&to);
        Some(GuestEvent::Resolved { handle, outcome })
    }

    fn about(&self, child: &OpenChild, initiated_event_id: i64) -> ChildIdentity {
        ChildIdentity {
            namespace: self.facts.key.namespace.to_string(),
            workflow_id: child.workflow_id.clone(),
            run_id: child.run_id.clone(),
            workflow_type: child.workflow_type.clone(),
            initiated_event_id,
            started_event_id: child.started_event_id,
        }
    }
}

const NOT_STARTED: &str = "child workflow execution could not start";
const NEVER_STARTED: &str = "child workflow execution canceled before it started";
const CANCELLED: &str = "child workflow execution canceled";

fn workflow_id_of(target: &ExternalTarget) -> &str {
    match target {
        ExternalTarget::Execution { workflow_id, .. }
        | ExternalTarget::Child { workflow_id, .. } => workflow_id,
    }
}

fn not_a_child(handle: Handle) -> GuestFault {
    GuestFault::misuse(format!(
        "operation {handle} was signalled, but it is no child workflow of this run"
    ))
}
