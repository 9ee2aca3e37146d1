//! Small messages about one pending activity: a task that met a poll, a heartbeat,
//! a task that comes back. Where the run is in memory they change it there; where
//! it is not, they read and write the activity's own row and load neither the run
//! nor its code, so that working off a backlog costs one row a task.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use mainspring_engine::activity::{ActivityRef, NotRunning, PendingActivity, StartedAttempt};
use mainspring_engine::ids::RunId;
use mainspring_engine::run::InputError;
use temporalio_protos::temporal::api::history::v1::ActivityTaskScheduledEventAttributes;

use super::Actor;
use super::messages::server_error;
use super::step::{Promised, Step};
use crate::error::ServerError;
use crate::mailbox::message::{Message, RunSelector};
use crate::matching::queue::{Match, TaskHint};

/// The rows that a step has read, by run and event; `None`: there is none.
type Read = BTreeMap<(RunId, i64), Option<Row>>;

struct Row {
    activity: PendingActivity,
    changed: bool,
}

impl Message {
    /// Whether it concerns one pending activity's row and nothing else.
    pub(super) fn is_row_only(&self) -> bool {
        match self {
            Message::Dispatch(_) | Message::GiveBack { .. } => true,
            Message::Heartbeat { run, activity, .. } => {
                run.run_id.is_some() && matches!(activity, ActivityRef::Token { .. })
            }
            Message::Start(..)
            | Message::Signal(..)
            | Message::RequestCancel(..)
            | Message::Terminate(..)
            | Message::Delete(..)
            | Message::Query(..)
            | Message::Update(..)
            | Message::PollUpdate(..)
            | Message::SignalWithStart(..)
            | Message::UpdateWithStart { .. }
            | Message::Describe(..)
            | Message::HistoryState(..)
            | Message::Report { .. }
            | Message::Letter(_)
            | Message::Wake
            | Message::Evict => false,
        }
    }
}

impl Actor {
    /// A step of nothing but row-only messages while the run is not in memory.
    pub(super) async fn step_on_rows(&mut self, messages: Vec<Message>) {
        let mut step = Step::default();
        let mut read = Read::new();
        for message in messages {
            self.take_on_row(message, &mut read, &mut step).await;
        }
        for row in read.values_mut().flatten().filter(|row| row.changed) {
            step.activity_writes.push(row.activity.next_write());
        }
        self.commit(step).await;
    }

    async fn take_on_row(&mut self, message: Message, read: &mut Read, step: &mut Step) {
        let now = self.core.clock.now();
        match message {
            Message::Dispatch(pair) => {
                let started = self.start_on_row(&pair, read).await;
                self.dispatched(pair, started, step);
            }
            Message::Heartbeat {
                run:
                    RunSelector {
                        run_id: Some(run_id),
                        ..
                    },
                activity:
                    ActivityRef::Token {
                        scheduled_event_id,
                        attempt,
                        nonce,
                    },
                details,
                reply,
            } => {
                let row = self.row(read, (run_id, scheduled_event_id)).await;
                let beaten = row.and_then(|row| {
                    let unknown = InputError::ActivityNotFound(scheduled_event_id.to_string());
                    let row = row.ok_or_else(|| server_error(unknown))?;
                    let beat = row
                        .activity
                        .check_token(attempt, nonce)
                        .and_then(|()| row.activity.heartbeat(now, details));
                    row.changed |= beat.is_ok();
                    beat.map_err(|NotRunning| {
                        server_error(InputError::StaleAttempt {
                            activity_id: row.activity.activity_id().to_owned(),
                            attempt,
                        })
                    })
                });
                step.answer(reply, beaten);
            }
            Message::GiveBack {
                run_id,
                scheduled_event_id,
                attempt,
                nonce,
            } => {
                let row = self.row(read, (run_id, scheduled_event_id)).await;
                // Stale, or the row cannot be read: its timeouts speak.
                if let Ok(Some(row)) = row
                    && row.activity.give_back(attempt, nonce).is_ok()
                {
                    row.changed = true;
                    step.unmatched.push(TaskHint {
                        key: self.key.clone(),
                        task_queue: row.activity.task_queue().clone(),
                        run_id,
                        scheduled_event_id,
                        scheduled: None,
                    });
                }
            }
            // Row-only messages are those above.
            other => other.refuse(&ServerError::Internal(
                "a message needs the run, which was not read".to_owned(),
            )),
        }
    }

    async fn row<'r>(
        &self,
        read: &'r mut Read,
        place: (RunId, i64),
    ) -> Result<Option<&'r mut Row>, ServerError> {
        let entry = match read.entry(place) {
            Entry::Occupied(entry) => return Ok(entry.into_mut().as_mut()),
            Entry::Vacant(entry) => entry,
        };
        let stored = self.core.store.load_activity(place.0, place.1).await?;
        let activity = stored
            .map(|row| PendingActivity::from_row(&row))
            .transpose()
            .map_err(|error| ServerError::Internal(error.to_string()))?;
        let row = activity.map(|activity| Row {
            activity,
            changed: false,
        });
        Ok(entry.insert(row).as_mut())
    }

    async fn start_on_row(&self, pair: &Match, read: &mut Read) -> Result<Started, NotStarted> {
        let scheduled = self.scheduled(&pair.task).await?;
        let place = (pair.task.run_id, pair.task.scheduled_event_id);
        let row = self.row(read, place).await?.ok_or(NotStarted::Gone)?;
        let (now, nonce) = (self.core.clock.now(), self.core.entropy.next_u64());
        let attempt = row.activity.start(now, pair.poller.identity(), nonce)?;
        row.changed = true;
        Ok(Started { attempt, scheduled })
    }

    /// A waiting task has met a poll: confirm it against the run in memory.
    pub(super) async fn take_dispatch(&mut self, pair: Match, step: &mut Step) {
        let started = self.start_in_run(&pair).await;
        self.dispatched(pair, started, step);
    }

    async fn start_in_run(&mut self, pair: &Match) -> Result<Started, NotStarted> {
        let scheduled = self.scheduled(&pair.task).await?;
        let (now, nonce) = (self.core.clock.now(), self.core.entropy.next_u64());
        let task = &pair.task;
        let latest = self.latest().filter(|l| l.run.run_id() == task.run_id);
        let run = &mut latest.ok_or(NotStarted::Gone)?.run;
        let identity = pair.poller.identity();
        let attempt = run.start_attempt(now, task.scheduled_event_id, identity, nonce)?;
        Ok(Started { attempt, scheduled })
    }

    /// The event that scheduled a waiting task: at hand, or in the history.
    async fn scheduled(
        &self,
        task: &TaskHint,
    ) -> Result<Arc<ActivityTaskScheduledEventAttributes>, ServerError> {
        match &task.scheduled {
            Some(scheduled) => Ok(scheduled.clone()),
            None => {
                let core = &self.core;
                core.scheduled_event(task.run_id, task.scheduled_event_id)
                    .await
            }
        }
    }

    fn dispatched(&self, pair: Match, started: Result<Started, NotStarted>, step: &mut Step) {
        let Match { poller, task } = pair;
        let (matching, namespace) = (&self.core.matching, &self.key.namespace);
        match started {
            Ok(Started { attempt, scheduled }) => step.promised.push(Promised {
                poller,
                task_queue: task.task_queue,
                run_id: task.run_id,
                attempt,
                scheduled,
            }),
            Err(NotStarted::Gone) => matching.drop_task(namespace, &task, poller),
            Err(NotStarted::Unreadable(error)) => {
                tracing::warn!(key = %self.key, %error, "cannot read a waiting task");
                matching.give_up(namespace, poller, task);
            }
        }
    }
}

/// An attempt that began, with all that its worker is told.
struct Started {
    attempt: StartedAttempt,
    scheduled: Arc<ActivityTaskScheduledEventAttributes>,
}

/// Why a pair of a task and a poll did not come about.
enum NotStarted {
    /// It timed out, was cancelled or was taken meanwhile: the poll waits on.
    Gone,
    /// It cannot be read just now.
    Unreadable(ServerError),
}

impl From<NotRunning> for NotStarted {
    fn from(NotRunning: NotRunning) -> Self {
        NotStarted::Gone
    }
}

impl From<ServerError> for NotStarted {
    fn from(error: ServerError) -> Self {
        NotStarted::Unreadable(error)
    }
}
