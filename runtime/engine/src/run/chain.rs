//! Chains: how a run that closes is followed by another of the same workflow ID.
//!
//! ```text
//! the code continues as new            -> ContinuedAsNew, the successor it described (WF-13)
//! failed or run timeout + retry policy -> Failed / TimedOut, the next attempt after
//!                                         its backoff (LIF-09)
//!         no further attempt, but cron -> the next tick (TIM-03), told of the failure
//! completed + cron                     -> Completed, the next tick, told of the result
//! cancelled, terminated, execution timeout, no policy -> the chain ends
//! ```
//!
//! The close event names the successor, so its ID is decided here. The driver then
//! begins it ([`Run::begin_successor`]) in the same transition: a successor is the
//! first event of this run with a few fields changed, so that whatever a run begins
//! with (timeouts, memo, parent …) is carried on by itself.

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::{self as common, Payloads};
use temporalio_protos::temporal::api::enums::v1::{ContinueAsNewInitiator, RetryState};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionStartedEventAttributes,
};

use super::start::Beginning;
use super::{Run, set_time};
use crate::activity::wire_queue;
use crate::cron::CronSchedule;
use crate::failure;
use crate::guest::{ComponentRef, ContinueAsNew, VersioningIntent};
use crate::ids::{RunId, WorkflowType};
use crate::retry::{self, FailedAttempt, Verdict, with_defaults};
use crate::session::RunFacts;
use crate::time::{Timestamp, wire_duration};

/// What follows a run that has closed.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    run_id: RunId,
    backoff: Option<Duration>,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    ContinueAsNew(Box<ContinueAsNew>),
    Retry {
        failure: Failure,
    },
    /// The result, if it completed; the failure, if it did not.
    Cron {
        result: Option<Option<Payloads>>,
        failure: Option<Failure>,
    },
}

/// What the driver needs to know to give a successor its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuccessorCode {
    /// What it runs.
    pub workflow_type: WorkflowType,
    /// Decided already, when the code continued as new.
    pub component: Option<ComponentRef>,
    /// Which version was asked for.
    pub versioning: VersioningIntent,
}

impl Run {
    /// The attempt of the workflow's own retry policy, from 1.
    pub fn attempt(&self) -> u32 {
        self.record.attempt.max(1)
    }

    /// Until when the first task is held back; `None` once it may run.
    pub fn first_task_at(&self) -> Option<Timestamp> {
        set_time(self.record.first_task_at_ns)
    }

    /// The first task may run now.
    pub(super) fn end_backoff(&mut self) {
        if self.record.first_task_at_ns != 0 {
            self.record.first_task_at_ns = 0;
            self.staged.row = true;
        }
    }

    /// A message begins a run early that a start delay holds back, unless it came
    /// with the start itself (TIM-02).
    pub(super) fn note_message(&mut self) {
        if self.record.signal_ends_backoff && !self.is_new() {
            self.end_backoff();
        }
    }

    /// Set where the run has closed in this step and another one follows it: begin
    /// it before the step is committed.
    pub fn successor_code(&self) -> Option<SuccessorCode> {
        let follow = self.follow.as_ref()?;
        Some(match &follow.why {
            Why::ContinueAsNew(asked) => SuccessorCode {
                workflow_type: asked.workflow_type.clone(),
                component: asked.component.clone(),
                versioning: asked.versioning,
            },
            Why::Retry { .. } | Why::Cron { .. } => SuccessorCode {
                workflow_type: self.workflow_type(),
                component: None,
                versioning: VersioningIntent::Unspecified,
            },
        })
    }

    /// Begins the run that follows this one; its time is that of the close. `facts`
    /// are this run's.
    pub fn begin_successor(&mut self, facts: &RunFacts, component: ComponentRef) -> Option<Run> {
        let follow = self.follow.take()?;
        let now = Timestamp::from_nanos(self.record.closed_at_ns);
        let beginning = Beginning {
            key: self.key.clone(),
            run_id: follow.run_id,
            component,
            // A start that is asked again finds the chain that it began (LIF-04).
            request_id: self.record.start_request_id.clone(),
            user_metadata: facts.user_metadata.clone(),
            signal_ends_backoff: false,
            started: self.continued(&facts.started, follow),
        };
        Some(Run::begin(beginning, now, self.limits))
    }

    /// The first event of the successor, made from this run's.
    fn continued(
        &self,
        started: &WorkflowExecutionStartedEventAttributes,
        follow: Follow,
    ) -> WorkflowExecutionStartedEventAttributes {
        let mut next = started.clone();
        let run_id = follow.run_id.to_string();
        next.original_execution_run_id.clone_from(&run_id);
        next.first_execution_run_id = self.first_run_id().to_string();
        next.continued_execution_run_id = self.run_id.to_string();
        next.first_workflow_task_backoff = follow.backoff.map(wire_duration);
        next.attempt = 1;
        match follow.why {
            Why::ContinueAsNew(asked) => {
                next.initiator = ContinueAsNewInitiator::Workflow as i32;
                change(&mut next, *asked);
            }
            Why::Retry { failure } => {
                next.initiator = ContinueAsNewInitiator::Retry as i32;
                next.attempt = i32::try_from(self.attempt() + 1).unwrap_or(i32::MAX);
                next.continued_failure = Some(failure);
            }
            Why::Cron { result, failure } => {
                next.initiator = ContinueAsNewInitiator::CronSchedule as i32;
                next.continued_failure = failure;
                if let Some(result) = result {
                    next.last_completion_result = result;
                }
            }
        }
        next
    }

    /// Closes the run and stages its successor (WF-13).
    pub(super) fn continue_as_new(&mut self, now: Timestamp, completed: i64, asked: ContinueAsNew) {
        let run_id = self.run_id.successor(now);
        let attributes = WorkflowExecutionContinuedAsNewEventAttributes {
            new_execution_run_id: run_id.to_string(),
            workflow_type: Some(wire_type(&asked.workflow_type)),
            task_queue: Some(wire_queue(&asked.task_queue)),
            input: asked.input.clone(),
            workflow_run_timeout: asked.run_timeout.map(wire_duration),
            workflow_task_timeout: asked.task_timeout.map(wire_duration),
            workflow_task_completed_event_id: completed,
            backoff_start_interval: asked.backoff.map(wire_duration),
            initiator: ContinueAsNewInitiator::Workflow as i32,
            header: asked.header.clone(),
            memo: asked.memo.clone(),
            search_attributes: asked.search_attributes.clone(),
            ..WorkflowExecutionContinuedAsNewEventAttributes::default()
        };
        self.record_event(
            now,
            Attributes::WorkflowExecutionContinuedAsNewEventAttributes(attributes),
        );
        self.follow = Some(Follow {
            run_id,
            backoff: asked.backoff,
            why: Why::ContinueAsNew(Box::new(asked)),
        });
    }

    /// What follows a failure: why there is no further attempt (or that there is
    /// one), and the run that comes next, if any.
    pub(super) fn follow_failure(
        &mut self,
        now: Timestamp,
        failure: &Failure,
    ) -> (RetryState, String) {
        let verdict = match self.record.retry_policy.clone() {
            None => Verdict::GiveUp(RetryState::RetryPolicyNotSet),
            Some(policy) => retry::decide(
                FailedAttempt {
                    policy: &with_defaults(Some(policy)),
                    attempt: self.attempt(),
                    failure,
                    deadline: set_time(self.record.execution_deadline_ns),
                    cancel_requested: self.record.cancel_requested,
                },
                now,
            ),
        };
        match verdict {
            Verdict::RetryAt(at) => {
                let why = Why::Retry {
                    failure: failure.clone(),
                };
                let run_id = self.follow_after(now, at.since(now), why);
                (RetryState::InProgress, run_id)
            }
            Verdict::GiveUp(state) => {
                (state, self.follow_by_cron(now, None, Some(failure.clone())))
            }
        }
    }

    /// What follows a timeout: nothing, where the whole chain has had its time.
    pub(super) fn follow_timeout(&mut self, now: Timestamp) -> (RetryState, String) {
        let (_, execution) = self.deadlines();
        if execution.is_some_and(|at| at <= now) {
            return (RetryState::Timeout, String::new());
        }
        self.follow_failure(now, &failure::workflow_timeout())
    }

    /// The next tick, if the run has a cron schedule.
    pub(super) fn follow_by_cron(
        &mut self,
        now: Timestamp,
        result: Option<Option<Payloads>>,
        failure: Option<Failure>,
    ) -> String {
        let cron = CronSchedule::of_run(&self.record.cron_schedule);
        let backoff = cron.and_then(|cron| cron.backoff(self.execution_time(), now));
        match backoff {
            Some(backoff) => self.follow_after(now, backoff, Why::Cron { result, failure }),
            None => String::new(),
        }
    }

    fn follow_after(&mut self, now: Timestamp, backoff: Duration, why: Why) -> String {
        let run_id = self.run_id.successor(now);
        let backoff = Some(backoff).filter(|backoff| !backoff.is_zero());
        self.follow = Some(Follow {
            run_id,
            backoff,
            why,
        });
        run_id.to_string()
    }
}

/// What the code itself said of its successor.
fn change(next: &mut WorkflowExecutionStartedEventAttributes, asked: ContinueAsNew) {
    next.workflow_type = Some(wire_type(&asked.workflow_type));
    next.task_queue = Some(wire_queue(&asked.task_queue));
    next.input = asked.input;
    next.header = asked.header;
    next.workflow_run_timeout = asked.run_timeout.map(wire_duration);
    next.workflow_task_timeout = asked.task_timeout.map(wire_duration);
    next.retry_policy = asked.retry_policy.map(|policy| with_defaults(Some(policy)));
    next.memo = asked.memo.or(next.memo.take());
    next.search_attributes = asked.search_attributes.or(next.search_attributes.take());
}

fn wire_type(workflow_type: &WorkflowType) -> common::WorkflowType {
    common::WorkflowType {
        name: workflow_type.to_string(),
    }
}
