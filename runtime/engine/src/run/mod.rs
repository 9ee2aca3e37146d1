//! One run of a workflow: its state, and everything that can happen to it.
//!
//! Each input comes with its time and stages events and row changes; the caller
//! takes them out with [`Run::take_change`] and commits them whole. What history
//! tells changes only in [`Run::apply`], live and when a history is folded; what
//! it leaves out (attempts, heartbeats, backoff) is [`crate::activity`]'s.
//!
//! The order of events in one step is always: what happened, then
//! WorkflowTaskScheduled, Started, Completed, then the events of the commands.

mod apply;
mod chain;
#[cfg(test)]
mod chain_tests;
mod child_events;
mod children;
#[cfg(test)]
mod children_tests;
mod deadlines;
mod inputs;
mod letters;
mod properties;
#[cfg(test)]
mod random_lives;
mod record;
mod reports;
mod staged;
mod start;
mod tasks;
#[cfg(test)]
mod tests;
mod updates;
mod wake;

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message as _;
use temporalio_protos::temporal::api::common::v1::Priority;
use temporalio_protos::temporal::api::enums::v1::{
    WorkflowExecutionStatus, WorkflowTaskFailedCause,
};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;

use self::chain::Follow;
pub use self::chain::SuccessorCode;
use self::children::PendingChild;
pub use self::children::{ChildView, ParentRun};
use self::deadlines::Deadlines;
pub use self::inputs::SignalInput;
use self::record::Record;
pub use self::reports::QueuedActivity;
use self::staged::Staged;
pub use self::start::StartRun;
pub use self::tasks::{OpenTask, TaskMeta, TaskRefused};
use self::updates::Updates;
pub use self::updates::{UpdateStage, closed_before_completion, update_id_of};
use crate::activity::{ActivityView, CorruptActivity, PendingActivity};
use crate::ids::{Digest, RunId, TaskQueue, WorkflowKey, WorkflowType};
use crate::limits::Limits;
use crate::search::IndexedAttribute;
use crate::time::Timestamp;
use crate::transition::{
    ActivityWrite, OutboxRow, RunChange, RunImage, RunRow, TimerRow, VisibilityRow,
};

/// An input that a run does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The run is closed.
    #[error("workflow execution already completed")]
    RunClosed,
    /// No such pending activity.
    #[error("no pending activity {0}; it has completed, timed out or was cancelled")]
    ActivityNotFound(String),
    /// The attempt is not the one that runs: timed out, retried, or given back.
    #[error(
        "attempt {attempt} of activity {activity_id} is not running any more; \
         drop what it did"
    )]
    StaleAttempt {
        /// The activity.
        activity_id: String,
        /// The attempt that the token names.
        attempt: u32,
    },
    /// The activity waits for a worker: nobody can report on it yet.
    #[error("activity {0} is not running: no worker has taken it yet")]
    ActivityNotStarted(String),
    /// A worker reports a cancel that nobody asked for.
    #[error("activity {0} was reported as cancelled but nobody asked for that")]
    CancelNotRequested(String),
    /// A limit was reached.
    #[error("{0}")]
    Limit(String),
    /// A limit was reached that this run will never be under again.
    #[error("{0}")]
    Exhausted(String),
}

/// A stored run that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CorruptRun {
    /// Its own row.
    #[error("the stored state of run {run_id} is damaged: {reason}")]
    Row {
        /// The run.
        run_id: RunId,
        /// What is wrong.
        reason: String,
    },
    /// One of its activities.
    #[error(transparent)]
    Activity(#[from] CorruptActivity),
}

/// An open timer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Timer {
    timer_id: String,
    fire_at: Timestamp,
}

/// Why a run makes no progress although something waits for it (WF-03).
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// The cause, as the history names it.
    pub cause: WorkflowTaskFailedCause,
    /// What happened, in words.
    pub message: String,
    /// A backtrace or a diff.
    pub details: String,
    /// The attempt that comes next, from 2.
    pub attempt: u32,
    /// When the first attempt failed.
    pub since: Timestamp,
    /// When the next attempt is due.
    pub retry_at: Timestamp,
}

/// One run of a workflow.
#[derive(Clone, Debug)]
pub struct Run {
    key: WorkflowKey,
    run_id: RunId,
    digest: Digest,
    version: u64,
    status: WorkflowExecutionStatus,
    record: Record,
    activities: BTreeMap<i64, PendingActivity>,
    timers: BTreeMap<i64, Timer>,
    children: BTreeMap<i64, PendingChild>,
    /// Letters of this run that have no answer, by their event.
    sent: BTreeMap<i64, OutboxRow>,
    deadlines: Deadlines,
    /// Deliverable events that no completed task has seen, oldest first; `None`
    /// where an earlier process recorded some: the history has them.
    unread: Option<Vec<HistoryEvent>>,
    /// How many of `unread` are before the open task's Scheduled.
    batch_len: usize,
    updates: Updates,
    staged: Staged,
    /// The run closed in this step and another one follows it.
    follow: Option<Follow>,
    limits: RunLimits,
}

/// The limits that a run itself looks at.
#[derive(Clone, Copy, Debug)]
struct RunLimits {
    history_events: i64,
    history_bytes: i64,
    suggest_history_events: i64,
    suggest_history_bytes: i64,
    stored_failure_bytes: usize,
    updates_in_flight: usize,
    updates_in_flight_bytes: usize,
    run_updates: usize,
}

impl From<&Limits> for RunLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            history_events: limits.history_events,
            history_bytes: limits.history_bytes,
            suggest_history_events: limits.suggest_history_events,
            suggest_history_bytes: limits.suggest_history_bytes,
            stored_failure_bytes: limits.stored_failure_bytes,
            updates_in_flight: limits.updates_in_flight,
            updates_in_flight_bytes: limits.updates_in_flight_bytes,
            run_updates: limits.run_updates,
        }
    }
}

impl Run {
    /// Brings a run back from its rows; its history is not read.
    pub fn load(image: RunImage, limits: &Limits) -> Result<Self, CorruptRun> {
        let RunImage {
            row,
            activities,
            timers,
            children,
            outbox,
        } = image;
        let record = Record::decode(row.state.as_slice()).map_err(|error| CorruptRun::Row {
            run_id: row.run_id,
            reason: error.to_string(),
        })?;
        let nothing_waits = !record.batch_waits && !record.behind_batch;
        let activities: BTreeMap<i64, PendingActivity> = activities
            .iter()
            .map(|row| Ok((row.scheduled_event_id, PendingActivity::from_row(row)?)))
            .collect::<Result<_, CorruptActivity>>()?;
        let timers: BTreeMap<i64, Timer> = timers.into_iter().map(timer_of_row).collect();
        let children = children
            .iter()
            .map(PendingChild::of_row)
            .collect::<Result<_, CorruptRun>>()?;
        let sent = outbox.into_iter().map(|row| (row.event_id, row)).collect();
        let mut deadlines = Deadlines::default();
        for (id, activity) in &activities {
            deadlines.set(*id, activity.next_due());
        }
        for (id, timer) in &timers {
            deadlines.set(*id, Some(timer.fire_at));
        }
        Ok(Self {
            key: row.key,
            run_id: row.run_id,
            digest: row.digest,
            version: row.version,
            status: row.status,
            unread: nothing_waits.then(Vec::new),
            batch_len: 0,
            activities,
            timers,
            children,
            sent,
            deadlines,
            record,
            updates: Updates::default(),
            staged: Staged::default(),
            follow: None,
            limits: limits.into(),
        })
    }

    /// Whose run it is.
    pub fn key(&self) -> &WorkflowKey {
        &self.key
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        self.run_id
    }

    /// The component that its code comes from.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The component's name and version label.
    pub fn component(&self) -> (&str, &str) {
        (&self.record.component_name, &self.record.component_version)
    }

    /// Open or how it closed.
    pub fn status(&self) -> WorkflowExecutionStatus {
        self.status
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.status == WorkflowExecutionStatus::Running
    }

    /// What runs.
    pub fn workflow_type(&self) -> WorkflowType {
        WorkflowType::from(self.record.workflow_type.as_str())
    }

    /// The default queue of its activities.
    pub fn task_queue(&self) -> TaskQueue {
        TaskQueue::from(self.record.task_queue.as_str())
    }

    /// The first run of its chain.
    pub fn first_run_id(&self) -> RunId {
        RunId::from_slice(&self.record.first_run_id).unwrap_or(self.run_id)
    }

    /// The request that started it (LIF-04).
    pub fn start_request_id(&self) -> &str {
        &self.record.start_request_id
    }

    /// When it started.
    pub fn start_time(&self) -> Timestamp {
        Timestamp::from_nanos(self.record.started_at_ns)
    }

    /// When it closed.
    pub fn close_time(&self) -> Option<Timestamp> {
        set_time(self.record.closed_at_ns)
    }

    /// The last event recorded, staged ones included.
    pub fn last_event_id(&self) -> i64 {
        self.record.next_event_id - 1
    }

    /// Bytes of the events recorded.
    pub fn history_size_bytes(&self) -> i64 {
        self.record.history_size_bytes
    }

    /// Commits so far that changed the state.
    pub fn state_transitions(&self) -> i64 {
        self.record.state_transitions
    }

    /// Whether somebody asked it to cancel itself.
    pub fn cancel_requested(&self) -> bool {
        self.record.cancel_requested
    }

    /// Whether request IDs of this run are remembered on disk.
    pub fn has_request_ids(&self) -> bool {
        self.record.has_request_ids
    }

    /// Whether its memo or search attributes changed since the start: the lists' row
    /// has them then, not its first event.
    pub fn has_upserts(&self) -> bool {
        self.record.has_upserts
    }

    /// Execution, run and task timeout (LIF-06..08).
    pub fn timeouts(&self) -> (Option<Duration>, Option<Duration>, Duration) {
        let record = &self.record;
        (
            set_length(record.execution_timeout_ns),
            set_length(record.run_timeout_ns),
            Duration::from_nanos(record.task_timeout_ns),
        )
    }

    /// When the run timeout and the execution timeout strike.
    pub fn deadlines(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (
            set_time(self.record.run_deadline_ns),
            set_time(self.record.execution_deadline_ns),
        )
    }

    /// The run's dispatch priority.
    pub fn priority(&self) -> Option<&Priority> {
        self.record.priority.as_ref()
    }

    /// Whether its last task failed.
    pub fn is_blocked(&self) -> bool {
        self.record.blocked.is_some()
    }

    /// Why it is blocked, if it is.
    pub fn blocked(&self) -> Option<Blocked> {
        let blocked = self.record.blocked.as_ref()?;
        Some(Blocked {
            cause: WorkflowTaskFailedCause::try_from(blocked.cause).unwrap_or_default(),
            message: blocked.message.clone(),
            details: blocked.details.clone(),
            attempt: blocked.failed_attempts + 1,
            since: Timestamp::from_nanos(blocked.since_ns),
            retry_at: Timestamp::from_nanos(blocked.retry_at_ns),
        })
    }

    /// The pending activities, oldest first.
    pub fn pending_activities(&self) -> Vec<ActivityView> {
        self.activities
            .values()
            .map(PendingActivity::view)
            .collect()
    }

    /// Open activities, timers, children and letters together.
    pub fn pending_operations(&self) -> usize {
        self.activities.len() + self.timers.len() + self.children.len() + self.sent.len()
    }

    /// When the run must be looked at even if nobody calls.
    pub fn next_wake(&self) -> Option<Timestamp> {
        if !self.is_open() {
            return None;
        }
        if self.owes_task() {
            return Some(Timestamp::EPOCH);
        }
        let blocked = self
            .record
            .blocked
            .as_ref()
            .map(|blocked| blocked.retry_at_ns);
        let (run, execution) = self.deadlines();
        [
            blocked.map(Timestamp::from_nanos),
            self.first_task_at(),
            run,
            execution,
            self.deadlines.first(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes out what was staged since the last call, if it is nothing but changes
    /// of pending activities (a task that was taken or given back, a heartbeat):
    /// rows that are written alone, without a version of the run.
    pub fn take_activity_writes(&mut self) -> Vec<ActivityWrite> {
        if !self.staged.is_activities_only() {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.staged).activities;
        changed
            .iter()
            .filter_map(|id| self.activities.get_mut(id).map(PendingActivity::next_write))
            .collect()
    }

    /// Takes out what was staged since the last call, as one commit's worth;
    /// `None` if nothing changed. A run whose commit fails must be dropped and
    /// loaded anew.
    pub fn take_change(&mut self) -> Option<RunChange> {
        if self.staged.is_empty() {
            return None;
        }
        self.version += 1;
        self.record.state_transitions += 1;
        let staged = std::mem::take(&mut self.staged);
        self.record.has_request_ids |= !staged.request_ids.is_empty();
        let activities = staged
            .activities
            .iter()
            .filter_map(|id| self.activities.get_mut(id).map(PendingActivity::next_row))
            .collect();
        let timers = staged
            .timers
            .iter()
            .filter_map(|id| Some(self.timer_row(*id, self.timers.get(id)?)))
            .collect();
        let children = staged
            .children
            .iter()
            .filter_map(|id| Some(self.children.get(id)?.to_row(self.run_id, *id)))
            .collect();
        let visibility = staged.visibility.then(|| VisibilityRow {
            memo: staged.memo,
            search_attributes: staged.search_attributes,
            indexed: staged
                .indexed
                .into_iter()
                .map(|(name, values)| IndexedAttribute { name, values })
                .collect(),
            ..self.visibility_row()
        });
        Some(RunChange {
            row: RunRow {
                run_id: self.run_id,
                key: self.key.clone(),
                digest: self.digest,
                version: self.version,
                status: self.status,
                wake_at: self.next_wake(),
                state: self.record.encode_to_vec(),
            },
            events: crate::history::encode(self.run_id, staged.events),
            activities,
            closed_activities: staged.closed_activities,
            timers,
            closed_timers: staged.closed_timers,
            children,
            closed_children: staged.closed_children,
            outbox: staged.outbox.into_values().collect(),
            delivered: staged.delivered,
            request_ids: staged.request_ids,
            completed_updates: staged.completed_updates,
            visibility,
        })
    }

    /// Whether something was staged and not taken out yet.
    pub fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    fn timer_row(&self, started_event_id: i64, timer: &Timer) -> TimerRow {
        TimerRow {
            run_id: self.run_id,
            started_event_id,
            timer_id: timer.timer_id.clone(),
            fire_at: timer.fire_at,
        }
    }
}

fn timer_of_row(row: TimerRow) -> (i64, Timer) {
    let timer = Timer {
        timer_id: row.timer_id,
        fire_at: row.fire_at,
    };
    (row.started_event_id, timer)
}

fn set_time(ns: i64) -> Option<Timestamp> {
    (ns > 0).then(|| Timestamp::from_nanos(ns))
}

fn set_length(ns: u64) -> Option<Duration> {
    (ns > 0).then(|| Duration::from_nanos(ns))
}
