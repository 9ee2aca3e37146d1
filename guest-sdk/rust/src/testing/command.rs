//! What a workflow asked for, as tests compare it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::activity::RetryPolicy;
use crate::bindings::mainspring::workflow::activities::ActivityOptions;
use crate::bindings::mainspring::workflow::continuation::ContinueOptions;
use crate::duration;
use crate::failure::Failure;
use crate::instance::Outcome;
use crate::payload::{self, Payload};

/// One command, in the order in which the workflow issued it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// An activity was scheduled.
    ScheduleActivity {
        /// Number of the operation, from 1.
        handle: u64,
        /// Its type.
        activity_type: String,
        /// Its ID: the one given, or the handle.
        activity_id: String,
        /// Its queue; absent is the run's.
        task_queue: Option<String>,
        /// Its arguments.
        input: Vec<Payload>,
        /// What travels beside the arguments (WF-24).
        headers: Vec<(String, Payload)>,
        /// The timeout of one attempt.
        start_to_close_timeout: Option<Duration>,
        /// The timeout of all attempts.
        schedule_to_close_timeout: Option<Duration>,
        /// Absent: the default policy.
        retry_policy: Option<RetryPolicy>,
    },
    /// A timer was started.
    StartTimer {
        /// Number of the operation, from 1.
        handle: u64,
        /// Its length.
        duration: Duration,
    },
    /// A child workflow was asked for.
    StartChildWorkflow {
        /// Number of the operation, from 1.
        handle: u64,
        /// Its type.
        workflow_type: String,
        /// Its workflow ID; absent: assigned.
        workflow_id: Option<String>,
        /// Its arguments.
        input: Vec<Payload>,
    },
    /// Another workflow was signalled.
    SignalWorkflow {
        /// Number of the operation, from 1.
        handle: u64,
        /// Whose, or the number of a child.
        target: Result<String, u64>,
        /// The signal's name.
        name: String,
        /// Its arguments.
        input: Vec<Payload>,
    },
    /// Another workflow was asked to cancel itself.
    CancelExternalWorkflow {
        /// Number of the operation, from 1.
        handle: u64,
        /// Whose.
        workflow_id: String,
    },
    /// An operation was cancelled.
    Cancel {
        /// Which one.
        handle: u64,
    },
    /// An update was accepted.
    AcceptUpdate {
        /// Its ID.
        id: String,
    },
    /// An update got its outcome.
    CompleteUpdate {
        /// Its ID.
        id: String,
        /// Its result or failure.
        result: Result<Payload, Failure>,
    },
    /// Search attributes were set or, where there is no value, removed.
    UpsertSearchAttributes {
        /// Which ones, by name.
        changed: BTreeMap<String, Option<Payload>>,
    },
    /// Fields of the memo were set or, where there is no value, removed.
    UpsertMemo {
        /// Which ones, by key.
        changed: BTreeMap<String, Option<Payload>>,
    },
    /// The run ended with a result.
    CompleteWorkflow {
        /// The result.
        result: Vec<Payload>,
    },
    /// The run failed.
    FailWorkflow {
        /// Why.
        failure: Failure,
    },
    /// The run ended as cancelled.
    CancelWorkflow {
        /// The details.
        details: Vec<Payload>,
    },
    /// The run goes on as another.
    ContinueAsNew {
        /// What the successor runs; absent is what this run is.
        workflow_type: Option<String>,
        /// Its task queue; absent is this run's.
        task_queue: Option<String>,
        /// Its arguments.
        input: Vec<Payload>,
        /// How long it waits before it begins.
        backoff_start_interval: Option<Duration>,
    },
}

impl Command {
    pub(crate) fn schedule(handle: u64, options: &ActivityOptions) -> Self {
        Self::ScheduleActivity {
            handle,
            activity_type: options.activity_type.clone(),
            activity_id: options
                .activity_id
                .clone()
                .unwrap_or_else(|| handle.to_string()),
            task_queue: options.task_queue.clone(),
            input: payload::from_wire(options.input.clone()),
            headers: options
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            start_to_close_timeout: options.start_to_close_timeout.map(duration::from_ns),
            schedule_to_close_timeout: options.schedule_to_close_timeout.map(duration::from_ns),
            retry_policy: options.retry_policy.as_ref().map(Into::into),
        }
    }

    /// The type of the activity that this command schedules.
    pub fn activity_type(&self) -> Option<&str> {
        match self {
            Self::ScheduleActivity { activity_type, .. } => Some(activity_type),
            _ => None,
        }
    }
}

impl Command {
    /// The command of a run that has ended; `next` is what it said of its successor.
    pub(crate) fn of_end(outcome: &Outcome, next: Option<&ContinueOptions>) -> Self {
        match outcome.clone() {
            Outcome::Completed(result) => Self::CompleteWorkflow { result },
            Outcome::Failed(failure) => Self::FailWorkflow { failure },
            Outcome::Cancelled(details) => Self::CancelWorkflow { details },
            Outcome::ContinuedAsNew => {
                let next = next.expect("a run continues by saying how");
                Self::ContinueAsNew {
                    workflow_type: next.workflow_type.clone(),
                    task_queue: next.task_queue.clone(),
                    input: payload::from_wire(next.input.clone()),
                    backoff_start_interval: next.backoff_start_interval.map(duration::from_ns),
                }
            }
        }
    }
}
