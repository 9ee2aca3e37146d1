//! Workflow tasks: one activation of the workflow's code each.
//!
//! ```text
//! owed    + begin                        -> open: Scheduled, Started
//! open    + completed with commands      -> done: Completed, [events of commands]
//! open    + completed, closes the run, but
//!           messages wait behind the batch -> owed: Failed(UNHANDLED_COMMAND)  (MSG-03)
//! open    + failed                       -> blocked(2): Failed(cause), retry in 1 s
//! blocked + retry due, begin             -> trying: nothing written yet        (WF-03)
//! trying  + completed                    -> done: Scheduled, Started, Completed, [...]
//! trying  + something was recorded       -> owed again: the batch is another one
//! trying  + failed                       -> blocked(n + 1): counted, not written
//! nothing + an update waits, begin       -> trying: nothing written yet        (MSG-12)
//! ```

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::deployment::v1::WorkerDeploymentVersion;
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    ActivityTaskCancelRequestedEventAttributes, HistoryEvent, TimerCanceledEventAttributes,
    TimerStartedEventAttributes, WorkflowExecutionCanceledEventAttributes,
    WorkflowExecutionCompletedEventAttributes, WorkflowExecutionFailedEventAttributes,
    WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes,
    WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes,
};
use temporalio_protos::temporal::api::sdk::v1::WorkflowTaskCompletedMetadata;

use super::Run;
use super::record::BlockedRecord;
use crate::activity::{self, wire_queue};
use crate::failure;
use crate::guest::{Command, ScheduleActivity, StartTimer, TaskFailure};
use crate::history;
use crate::session::{REPLAY_RULES, RunFacts, Suggests, TaskInfo};
use crate::time::{Timestamp, wire_duration};

/// Who runs workflow tasks.
const IDENTITY: &str = "mainspring";
/// The first retry of a failed task comes after this long, the next after twice
/// that, and so on.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest wait between two attempts (WF-03).
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// A workflow task that has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenTask {
    /// Its WorkflowTaskScheduled event, or what that event will be.
    pub scheduled_event_id: i64,
    /// Its WorkflowTaskStarted event, or what that event will be.
    pub started_event_id: i64,
    /// The workflow's clock in this task.
    pub started_at: Timestamp,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Not in the history before it succeeds (a retry of a failed task).
    pub unwritten: bool,
    /// What the workflow may ask of the task.
    pub info: TaskInfo,
}

/// Who completed a task.
#[derive(Clone, Debug, Default)]
pub struct TaskMeta {
    /// The SDK in the component.
    pub sdk_name: String,
    /// Its version.
    pub sdk_version: String,
}

/// A task whose completion was not taken; its code must be rebuilt from history
/// and run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRefused {
    /// It would close the run, but messages wait that it has not seen (MSG-03).
    UnhandledMessages,
    /// It was a retry, and its batch has grown meanwhile.
    BatchChanged,
    /// No task is open (the run closed meanwhile).
    NotOpen,
}

impl Run {
    /// Whether a task can begin or go on now.
    pub fn owes_task(&self) -> bool {
        let waits = self.record.batch_waits || self.record.open_task.is_some();
        let retry_due = self.record.blocked.as_ref().is_none_or(|b| b.retry_due);
        self.is_open() && waits && retry_due && self.record.first_task_at_ns == 0
    }

    /// Whether the history of this run begins in this very process and nothing of
    /// it was committed yet.
    pub fn is_new(&self) -> bool {
        self.version == 0
    }

    /// Whether its code begins at the beginning: the run is new and no code of it has
    /// run. Code that was dropped after its first task is replayed, which needs that
    /// task to be committed.
    pub fn begins_code(&self) -> bool {
        self.is_new() && !self.record.had_task
    }

    /// What a new run's code knows about it; `None` once it was committed.
    pub fn new_run_facts(&self) -> Option<RunFacts> {
        let first = self.staged.events.first().filter(|_| self.is_new())?;
        RunFacts::from_first_event(self.key.clone(), self.run_id, first)
    }

    /// The batch of the open (or next) task, if this process recorded it all;
    /// `None`: read it from history.
    pub fn batch(&self) -> Option<Vec<HistoryEvent>> {
        let unread = self.unread.as_ref()?;
        let len = match &self.record.open_task {
            Some(_) => self.batch_len.min(unread.len()),
            None => unread.len(),
        };
        Some(unread[..len].to_vec())
    }

    /// What a replay found behind the last completed task: the batch of the open
    /// (or next) task, and what came in behind it.
    pub fn restore_unread(&mut self, batch: Vec<HistoryEvent>, behind: Vec<HistoryEvent>) {
        self.batch_len = batch.len();
        let mut unread = batch;
        unread.extend(behind);
        self.unread = Some(unread);
    }

    /// Begins the task that is owed, or goes on with the one that an earlier
    /// process left open.
    pub fn begin_task(&mut self, now: Timestamp) -> OpenTask {
        let now = now.max(Timestamp::from_nanos(self.record.last_event_at_ns));
        let for_update_alone = !self.record.batch_waits;
        if self.record.open_task.is_none() && (self.record.blocked.is_some() || for_update_alone) {
            return self.unwritten_task(now);
        }
        if self.record.open_task.is_none() {
            self.record_task_begin(now, 1);
        }
        self.open_task().unwrap_or_else(|| self.unwritten_task(now))
    }

    /// The task that is open in the history.
    pub fn open_task(&self) -> Option<OpenTask> {
        let task = self.record.open_task.as_ref()?;
        Some(OpenTask {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            started_at: Timestamp::from_nanos(task.started_at_ns),
            attempt: 1,
            unwritten: false,
            info: self.task_info(task.started_event_id, task.history_size_bytes),
        })
    }

    fn unwritten_task(&self, now: Timestamp) -> OpenTask {
        let scheduled_event_id = self.record.next_event_id;
        let attempt = self
            .record
            .blocked
            .as_ref()
            .map_or(1, |b| b.failed_attempts + 1);
        OpenTask {
            scheduled_event_id,
            started_event_id: scheduled_event_id + 1,
            started_at: now,
            attempt,
            unwritten: true,
            info: self.task_info(scheduled_event_id + 1, self.record.history_size_bytes),
        }
    }

    pub(super) fn record_task_begin(&mut self, now: Timestamp, attempt: u32) {
        let queue = self.task_queue();
        let history_size_bytes = self.record.history_size_bytes;
        let scheduled_event_id = self.record_event(
            now,
            Attributes::WorkflowTaskScheduledEventAttributes(
                WorkflowTaskScheduledEventAttributes {
                    task_queue: Some(wire_queue(&queue)),
                    start_to_close_timeout: Some(wire_duration(Duration::from_nanos(
                        self.record.task_timeout_ns,
                    ))),
                    attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
                },
            ),
        );
        let info = self.task_info(scheduled_event_id + 1, history_size_bytes);
        self.record_event(
            now,
            Attributes::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
                scheduled_event_id,
                identity: IDENTITY.to_owned(),
                suggest_continue_as_new: info.continue_as_new_suggested,
                suggest_continue_as_new_reasons: info.suggest_reasons.clone(),
                history_size_bytes,
                ..WorkflowTaskStartedEventAttributes::default()
            }),
        );
    }

    fn task_info(&self, started_event_id: i64, history_size_bytes: i64) -> TaskInfo {
        TaskInfo::new(
            started_event_id,
            history_size_bytes,
            Suggests {
                too_large: history_size_bytes >= self.limits.suggest_history_bytes,
                too_long: started_event_id >= self.limits.suggest_history_events,
                too_many_updates: self.has_many_updates(),
            },
            self.record.component_name.clone(),
            self.record.component_version.clone(),
            self.record.last_sdk_version.clone(),
        )
    }

    /// Completes the task: WorkflowTaskCompleted and the events of its commands.
    /// Returns those, for [`crate::session::Session::observe`].
    pub fn complete_task(
        &mut self,
        now: Timestamp,
        task: &OpenTask,
        commands: Vec<Command>,
        meta: &TaskMeta,
    ) -> Result<Vec<HistoryEvent>, TaskRefused> {
        if !self.is_open() {
            return Err(TaskRefused::NotOpen);
        }
        if task.unwritten {
            if self.record.next_event_id != task.scheduled_event_id {
                return Err(TaskRefused::BatchChanged);
            }
            self.record_task_begin(task.started_at, task.attempt);
        }
        let closes = commands.last().is_some_and(closes_run);
        if closes && self.record.behind_batch {
            self.record_task_failure(
                now,
                WorkflowTaskFailedCause::UnhandledCommand,
                "messages came in that the workflow has not seen; it runs again with them",
                "",
            );
            return Err(TaskRefused::UnhandledMessages);
        }
        let completed = self.record_task_completed(now, task, meta);
        let first = self.staged.events.len();
        for command in commands {
            self.carry_out(now, task, completed, command);
        }
        Ok(self.staged.events[first..].to_vec())
    }

    fn record_task_completed(&mut self, now: Timestamp, task: &OpenTask, meta: &TaskMeta) -> i64 {
        #[allow(deprecated)] // `binary_checksum`: its old meaning is just what we record.
        let attributes = WorkflowTaskCompletedEventAttributes {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            identity: IDENTITY.to_owned(),
            binary_checksum: self.digest.to_string(),
            sdk_metadata: Some(WorkflowTaskCompletedMetadata {
                core_used_flags: vec![REPLAY_RULES],
                sdk_name: meta.sdk_name.clone(),
                sdk_version: meta.sdk_version.clone(),
                ..WorkflowTaskCompletedMetadata::default()
            }),
            deployment_version: Some(WorkerDeploymentVersion {
                deployment_name: self.record.component_name.clone(),
                build_id: self.record.component_version.clone(),
            }),
            ..WorkflowTaskCompletedEventAttributes::default()
        };
        self.record_event(
            now,
            Attributes::WorkflowTaskCompletedEventAttributes(attributes),
        )
    }

    fn carry_out(&mut self, now: Timestamp, task: &OpenTask, completed: i64, command: Command) {
        match command {
            Command::ScheduleActivity(asked) => self.schedule_activity(now, completed, asked),
            Command::RequestCancelActivity {
                activity_id,
                scheduled_event_id,
                ..
            } => self.request_cancel_activity(now, completed, &activity_id, scheduled_event_id),
            Command::StartTimer(timer) => self.start_timer(now, completed, timer),
            Command::CancelTimer {
                timer_id,
                started_event_id,
                ..
            } => self.cancel_timer(now, completed, timer_id, started_event_id),
            Command::AcceptUpdate { update_id, .. } => {
                self.accept_update(now, task.scheduled_event_id, &update_id);
            }
            Command::CompleteUpdate { update_id, outcome } => {
                self.complete_update(now, update_id, outcome);
            }
            Command::StartChild(asked) => self.start_child(now, completed, *asked),
            Command::SignalExternal(asked) => self.signal_external(now, completed, asked),
            Command::CancelExternal { target, reason, .. } => {
                self.cancel_external(now, completed, target, reason);
            }
            Command::UpsertSearchAttributes { changed, whole } => {
                self.upsert_search_attributes(now, completed, changed, &whole);
            }
            Command::UpsertMemo { changed, whole } => {
                self.upsert_memo(now, completed, changed, &whole);
            }
            Command::CompleteWorkflow { result } => self.complete_run(now, completed, result),
            Command::FailWorkflow { failure } => self.fail_run(now, completed, failure),
            Command::CancelWorkflow { details } => self.cancel_run(now, completed, details),
            Command::ContinueAsNew(asked) => self.continue_as_new(now, completed, *asked),
        }
    }

    fn schedule_activity(&mut self, now: Timestamp, completed: i64, mut asked: ScheduleActivity) {
        let user_metadata = asked.metadata.take();
        let (_, run_timeout, _) = self.timeouts();
        let attributes = activity::scheduled_event(
            asked,
            &self.task_queue(),
            self.record.priority.as_ref(),
            run_timeout,
            completed,
        );
        self.record_with_metadata(
            now,
            Attributes::ActivityTaskScheduledEventAttributes(attributes),
            user_metadata,
        );
    }

    pub(super) fn record_with_metadata(
        &mut self,
        now: Timestamp,
        attributes: Attributes,
        user_metadata: Option<temporalio_protos::temporal::api::sdk::v1::UserMetadata>,
    ) -> i64 {
        let now = now.max(Timestamp::from_nanos(self.record.last_event_at_ns));
        let mut event = history::event(self.record.next_event_id, now, attributes);
        event.user_metadata = user_metadata;
        self.record_whole_event(event)
    }

    /// Not started: it closes as cancelled at once. Closed meanwhile: the request
    /// is recorded all the same, since the code made it.
    fn request_cancel_activity(
        &mut self,
        now: Timestamp,
        completed: i64,
        activity_id: &str,
        scheduled_event_id: Option<i64>,
    ) {
        let pending = self
            .activities
            .values()
            .find(|activity| activity.activity_id() == activity_id)
            .map(activity::PendingActivity::scheduled_event_id);
        let scheduled_event_id = scheduled_event_id.or(pending).unwrap_or_default();
        let requested = self.record_event(
            now,
            Attributes::ActivityTaskCancelRequestedEventAttributes(
                ActivityTaskCancelRequestedEventAttributes {
                    scheduled_event_id,
                    workflow_task_completed_event_id: completed,
                },
            ),
        );
        let Some(activity) = self.activities.get_mut(&scheduled_event_id) else {
            return;
        };
        if activity.request_cancel(requested) {
            self.record_canceled(
                now,
                scheduled_event_id,
                0,
                requested,
                None,
                IDENTITY.to_owned(),
            );
        } else {
            self.activity_changed(scheduled_event_id);
        }
    }

    fn start_timer(&mut self, now: Timestamp, completed: i64, timer: StartTimer) {
        let attributes = TimerStartedEventAttributes {
            timer_id: timer.timer_id,
            start_to_fire_timeout: Some(wire_duration(timer.duration)),
            workflow_task_completed_event_id: completed,
        };
        self.record_with_metadata(
            now,
            Attributes::TimerStartedEventAttributes(attributes),
            timer.metadata,
        );
    }

    fn cancel_timer(
        &mut self,
        now: Timestamp,
        completed: i64,
        timer_id: String,
        started_event_id: Option<i64>,
    ) {
        let open = self
            .timers
            .iter()
            .find(|(_, timer)| timer.timer_id == timer_id)
            .map(|(id, _)| *id);
        let attributes = TimerCanceledEventAttributes {
            timer_id,
            started_event_id: started_event_id.or(open).unwrap_or_default(),
            workflow_task_completed_event_id: completed,
            identity: IDENTITY.to_owned(),
        };
        self.record_event(now, Attributes::TimerCanceledEventAttributes(attributes));
    }

    fn complete_run(&mut self, now: Timestamp, completed: i64, result: Option<Payloads>) {
        let new_execution_run_id = self.follow_by_cron(now, Some(result.clone()), None);
        self.record_event(
            now,
            Attributes::WorkflowExecutionCompletedEventAttributes(
                WorkflowExecutionCompletedEventAttributes {
                    result,
                    workflow_task_completed_event_id: completed,
                    new_execution_run_id,
                },
            ),
        );
    }

    fn fail_run(&mut self, now: Timestamp, completed: i64, failure: Failure) {
        let (retry_state, new_execution_run_id) = self.follow_failure(now, &failure);
        self.record_event(
            now,
            Attributes::WorkflowExecutionFailedEventAttributes(
                WorkflowExecutionFailedEventAttributes {
                    failure: Some(failure),
                    retry_state: retry_state as i32,
                    workflow_task_completed_event_id: completed,
                    new_execution_run_id,
                },
            ),
        );
    }

    fn cancel_run(&mut self, now: Timestamp, completed: i64, details: Option<Payloads>) {
        self.record_event(
            now,
            Attributes::WorkflowExecutionCanceledEventAttributes(
                WorkflowExecutionCanceledEventAttributes {
                    workflow_task_completed_event_id: completed,
                    details,
                },
            ),
        );
    }

    /// The task failed (WF-03): the run is blocked and tried again later. Only
    /// the first of consecutive failures is written to history.
    pub fn fail_task(&mut self, now: Timestamp, failure: TaskFailure) {
        if !self.is_open() {
            return;
        }
        if self.record.open_task.is_some() {
            self.record_task_failure(now, failure.cause, &failure.message, &failure.details);
        }
        let reported = self.problems();
        let blocked = self.record.blocked.take();
        let failed_attempts = blocked.as_ref().map_or(0, |b| b.failed_attempts) + 1;
        let factor = 2_u32.saturating_pow(failed_attempts - 1);
        let wait = FIRST_RETRY.saturating_mul(factor).min(LONGEST_RETRY);
        self.record.blocked = Some(BlockedRecord {
            failed_attempts,
            cause: failure.cause as i32,
            message: failure.message,
            details: failure.details,
            since_ns: blocked.map_or(now.as_nanos(), |blocked| blocked.since_ns),
            retry_at_ns: (now + wait).as_nanos(),
            retry_due: false,
        });
        self.staged.row = true;
        self.report_problems(reported);
    }

    fn record_task_failure(
        &mut self,
        now: Timestamp,
        cause: WorkflowTaskFailedCause,
        message: &str,
        details: &str,
    ) {
        let task = self.record.open_task.clone().unwrap_or_default();
        let error_type = cause
            .as_str_name()
            .trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_");
        self.record_event(
            now,
            Attributes::WorkflowTaskFailedEventAttributes(WorkflowTaskFailedEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: task.started_event_id,
                cause: cause as i32,
                failure: Some(failure::application(
                    message.to_owned(),
                    error_type,
                    details.to_owned(),
                )),
                identity: IDENTITY.to_owned(),
                ..WorkflowTaskFailedEventAttributes::default()
            }),
        );
    }
}

fn closes_run(command: &Command) -> bool {
    match command {
        Command::CompleteWorkflow { .. }
        | Command::FailWorkflow { .. }
        | Command::CancelWorkflow { .. }
        | Command::ContinueAsNew(_) => true,
        Command::ScheduleActivity(_)
        | Command::RequestCancelActivity { .. }
        | Command::StartTimer(_)
        | Command::CancelTimer { .. }
        | Command::AcceptUpdate { .. }
        | Command::CompleteUpdate { .. }
        | Command::StartChild(_)
        | Command::SignalExternal(_)
        | Command::CancelExternal { .. }
        | Command::UpsertSearchAttributes { .. }
        | Command::UpsertMemo { .. } => false,
    }
}
