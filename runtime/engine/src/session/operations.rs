//! Starting and cancelling operations.

use std::time::Duration;

use temporalio_protos::temporal::api::enums::v1::{RetryState, WorkflowTaskFailedCause as Cause};
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use super::children::OpenChild;
use super::{GuestFault, Session, SessionLimits};
use crate::activity;
use crate::failure::{self, ActivityIdentity};
use crate::guest::{
    ActivityCancellation, Command, GuestEvent, Handle, Outcome, ScheduleActivity, StartTimer,
};
use crate::ids::TaskQueue;

/// An operation without an answer.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// Its Scheduled or Started event; `None` in the task that starts it.
    pub(super) event_id: Option<i64>,
    pub(super) cancel_requested: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Activity {
        activity_id: String,
        activity_type: String,
        cancellation: ActivityCancellation,
    },
    Timer {
        timer_id: String,
    },
    Child(OpenChild),
    SignalExternal {
        workflow_id: String,
    },
    CancelExternal {
        workflow_id: String,
    },
}

impl Session {
    /// Schedules an activity (ACT-01).
    pub fn start_activity(&mut self, mut asked: ScheduleActivity) -> Result<Handle, GuestFault> {
        self.may_start("an activity", Cause::PendingActivitiesLimitExceeded)?;
        let handle = self.next_handle;
        asked.handle = handle;
        if asked.activity_id.is_empty() {
            asked.activity_id = handle.to_string();
        }
        for timeout in [
            &mut asked.schedule_to_close_timeout,
            &mut asked.schedule_to_start_timeout,
            &mut asked.start_to_close_timeout,
            &mut asked.heartbeat_timeout,
        ] {
            *timeout = not_zero(*timeout);
        }
        let bad = |what: String| GuestFault::new(Cause::BadScheduleActivityAttributes, what);
        activity::check(&asked).map_err(bad)?;
        self.check_names(&asked).map_err(bad)?;
        if self.activity_ids.contains(&asked.activity_id) {
            return Err(GuestFault::new(
                Cause::ScheduleActivityDuplicateId,
                format!(
                    "activity ID {:?} is in use by an open activity of this run",
                    asked.activity_id
                ),
            ));
        }
        self.count_activity(&asked)?;
        self.activity_ids.insert(asked.activity_id.clone());
        self.add(Kind::Activity {
            activity_id: asked.activity_id.clone(),
            activity_type: asked.activity_type.clone(),
            cancellation: asked.cancellation,
        });
        self.commands.push(Command::ScheduleActivity(asked));
        Ok(handle)
    }

    /// Starts a timer (TIM-01).
    pub fn start_timer(
        &mut self,
        duration: Duration,
        metadata: Option<UserMetadata>,
    ) -> Result<Handle, GuestFault> {
        self.may_start("a timer", Cause::PendingActivitiesLimitExceeded)?;
        self.count_timer(metadata.as_ref())?;
        let handle = self.next_handle;
        let timer_id = handle.to_string();
        self.add(Kind::Timer {
            timer_id: timer_id.clone(),
        });
        self.commands.push(Command::StartTimer(StartTimer {
            handle,
            timer_id,
            duration,
            metadata,
        }));
        Ok(handle)
    }

    /// Asks an operation to stop. A no-op where it is answered already.
    /// `reason` is recorded where a child is asked to cancel itself.
    pub fn cancel(&mut self, handle: Handle, reason: &str) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(self.read_only("cancel an operation"));
        }
        if handle == 0 || handle >= self.next_handle {
            return Err(GuestFault::misuse(format!(
                "operation {handle} was cancelled, but no operation has that handle"
            )));
        }
        if !reason.is_empty() {
            self.count_reason(reason)?;
        }
        let Some(operation) = self.open.get_mut(&handle) else {
            return Ok(());
        };
        if std::mem::replace(&mut operation.cancel_requested, true) {
            return Ok(());
        }
        let event_id = operation.event_id;
        match operation.kind.clone() {
            Kind::Timer { timer_id } => {
                self.commands.push(Command::CancelTimer {
                    handle,
                    timer_id,
                    started_event_id: event_id,
                });
                let failure = failure::canceled("timer canceled", None);
                self.resolve_locally(handle, failure);
            }
            Kind::Activity {
                activity_id,
                activity_type,
                cancellation,
            } => {
                if cancellation != ActivityCancellation::Abandon {
                    self.commands.push(Command::RequestCancelActivity {
                        handle,
                        activity_id: activity_id.clone(),
                        scheduled_event_id: event_id,
                    });
                }
                if cancellation != ActivityCancellation::WaitCompleted {
                    let about = ActivityIdentity {
                        scheduled_event_id: event_id.unwrap_or_default(),
                        activity_type,
                        activity_id,
                        ..ActivityIdentity::default()
                    };
                    let cause = failure::canceled("activity canceled", None);
                    let failure = failure::activity(
                        "activity canceled",
                        about,
                        RetryState::CancelRequested,
                        Some(cause),
                    );
                    self.resolve_locally(handle, failure);
                }
            }
            Kind::Child(child) => self.cancel_child(handle, child, event_id, reason),
            Kind::SignalExternal { .. } | Kind::CancelExternal { .. } => {
                self.withdraw_letter(handle, event_id);
            }
        }
        Ok(())
    }

    /// Withdraws the timer of a `wait` that an event has ended: the code never
    /// hears of it.
    pub(super) fn withdraw_hidden_timer(&mut self, handle: Handle) {
        let Some(operation) = self.forget(handle) else {
            // It has fired as well: its resolution is in the batch.
            self.hidden.insert(handle);
            return;
        };
        if let Kind::Timer { timer_id } = operation.kind {
            self.commands.push(Command::CancelTimer {
                handle,
                timer_id,
                started_event_id: operation.event_id,
            });
        }
    }

    pub(super) fn resolve_locally(
        &mut self,
        handle: Handle,
        failure: temporalio_protos::temporal::api::failure::v1::Failure,
    ) {
        self.forget(handle);
        // Nobody hears that a child has started after it was given up.
        self.batch.retain(
            |event| !matches!(event, GuestEvent::Started { handle: h, .. } if *h == handle),
        );
        self.local.push_back(GuestEvent::Resolved {
            handle,
            outcome: Outcome::Cancelled(failure),
        });
    }

    pub(super) fn add(&mut self, kind: Kind) {
        let handle = self.next_handle;
        self.next_handle += 1;
        self.unobserved.push_back(handle);
        self.open.insert(
            handle,
            Operation {
                kind,
                event_id: None,
                cancel_requested: false,
            },
        );
    }

    /// The operation has its answer: nothing more is heard of it.
    pub(super) fn forget(&mut self, handle: Handle) -> Option<Operation> {
        let operation = self.open.remove(&handle)?;
        if let Some(event_id) = operation.event_id {
            self.by_event.remove(&event_id);
        }
        if let Kind::Activity { activity_id, .. } = &operation.kind {
            self.activity_ids.remove(activity_id);
        }
        Some(operation)
    }

    pub(super) fn may_start(&self, what: &str, limited: Cause) -> Result<(), GuestFault> {
        if self.in_read() {
            return Err(self.read_only(&format!("start {what}")));
        }
        let SessionLimits {
            pending_operations, ..
        } = self.limits;
        if self.open.len() + self.others.unheard() >= pending_operations {
            return Err(GuestFault::new(
                limited,
                format!(
                    "the run has {pending_operations} operations without an answer \
                     (limit pending-operations); wait for some before starting more"
                ),
            ));
        }
        self.may_call(limited)
    }

    /// Whether the task may make one more call that becomes an event.
    pub(super) fn may_call(&self, limited: Cause) -> Result<(), GuestFault> {
        let task_operations = self.limits.task_operations;
        if self.commands.len() >= task_operations {
            return Err(GuestFault::new(
                limited,
                format!(
                    "one workflow task made {task_operations} calls (limit task-operations); \
                     wait for an answer in between"
                ),
            ));
        }
        Ok(())
    }

    fn check_names(&self, asked: &ScheduleActivity) -> Result<(), String> {
        let limit = self.limits.id_bytes;
        let names = [
            ("activity type", asked.activity_type.as_str()),
            ("activity ID", asked.activity_id.as_str()),
            (
                "task queue",
                asked.task_queue.as_ref().map_or("", TaskQueue::as_str),
            ),
        ];
        match names.iter().find(|(_, name)| name.len() > limit) {
            Some((what, name)) => Err(format!(
                "the {what} is {} bytes long; {limit} are allowed (limit id-bytes)",
                name.len()
            )),
            None => Ok(()),
        }
    }
}

/// A timeout of zero is none.
pub(super) fn not_zero(timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| !timeout.is_zero())
}
