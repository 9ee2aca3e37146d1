//! The actor behind a mailbox: one workflow ID, its latest run, its live code.
//!
//! A step takes the messages that wait, lets the engine say which events they
//! mean, lets the code run on them for as long as an acknowledgement may wait,
//! and commits the whole as one transition. Only then do answers, tasks and
//! alarms leave. Code that needs longer (a replay, a slow activation) goes on in
//! the following steps, between which new messages are recorded as they come.

mod deletes;
mod guest;
mod letters;
mod messages;
mod publish;
mod queries;
mod rebuild;
mod rows;
mod step;
mod succession;
mod updates;
mod with_start;

use std::collections::VecDeque;
use std::sync::Arc;

use mainspring_engine::ids::{RunId, WorkflowKey};
use mainspring_engine::run::Run;

use self::guest::Guest;
use self::queries::WaitingQuery;
use self::step::Step;
use self::updates::UpdateWaiters;
use crate::core::Core;
use crate::error::ServerError;
use crate::mailbox::message::Message;
use crate::turns::Place;

/// The latest run of a workflow ID and its code.
struct Latest {
    run: Run,
    guest: Guest,
    /// Consecutive activations that used up their CPU time: the first is retried
    /// silently.
    overruns: u32,
}

impl Latest {
    /// Whether its code goes on only when it is its turn: it has used up a slice and
    /// needs more, or the last time it came to no good end.
    fn needs_turn(&self) -> bool {
        let owes = self.run.owes_task() || self.run.owes_update();
        let has_failed = self.overruns > 0 || self.run.is_blocked();
        self.guest.is_at_long_work() || (owes && has_failed)
    }
}

enum State {
    /// Nothing has been read yet.
    Unknown,
    /// There is no run of this workflow ID.
    Nothing,
    /// The latest run, open or closed.
    Run(Box<Latest>),
}

/// One workflow ID at work.
pub struct Actor {
    core: Arc<Core>,
    key: WorkflowKey,
    state: State,
    /// The latest run on disk; differs from `state` only inside a step.
    stored: Option<RunId>,
    queries: VecDeque<WaitingQuery>,
    update_waiters: UpdateWaiters,
    /// There is no room for a live instance at the moment.
    crowded: bool,
    /// Where long work of its code stands.
    place: Place,
}

impl Actor {
    /// An actor that knows nothing yet.
    pub(crate) fn new(core: Arc<Core>, key: WorkflowKey) -> Self {
        Self {
            core,
            key,
            state: State::Unknown,
            stored: None,
            queries: VecDeque::new(),
            update_waiters: UpdateWaiters::default(),
            crowded: false,
            place: Place::Nowhere,
        }
    }

    /// Whether there is something to do even if no message comes.
    pub(crate) fn has_work(&self) -> bool {
        match &self.state {
            State::Run(latest) => {
                latest.guest.is_busy()
                    || latest.run.owes_task()
                    || latest.run.owes_update()
                    || !self.queries.is_empty()
            }
            State::Unknown | State::Nothing => !self.queries.is_empty(),
        }
    }

    /// Whether it holds more than what is on disk: live code, updates that wait for
    /// it, callers that wait for updates.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        match &self.state {
            State::Run(latest) => {
                latest.run.is_open()
                    && (latest.guest.is_resident()
                        || latest.run.has_admitted_updates()
                        || self.update_waiters.is_waiting())
            }
            State::Unknown | State::Nothing => false,
        }
    }

    /// Works messages off, goes on with what is under way, commits.
    pub(crate) async fn step(&mut self, messages: Vec<Message>) {
        let nothing_known = matches!(self.state, State::Unknown) && self.queries.is_empty();
        let rows_are_enough = !messages.is_empty() && messages.iter().all(Message::is_row_only);
        if nothing_known && rows_are_enough {
            Box::pin(self.step_on_rows(messages)).await;
            return;
        }
        if let Err(error) = self.load().await {
            tracing::warn!(key = %self.key, %error, "cannot read a workflow's state");
            self.refuse(messages, &error);
            // Whoever has to be served again comes back: callers try again, polls
            // and alarms are repeated.
            self.core
                .clock
                .sleep_until(self.core.clock.now() + RELOAD_AFTER)
                .await;
            return;
        }
        let mut step = Step::default();
        for message in messages {
            self.take(message, &mut step).await;
        }
        self.run_code(&mut step).await;
        self.end_updates_of_closed_run(&mut step);
        if !self.is_at_long_work() || self.place.is_turn() {
            self.place = Place::Nowhere;
        }
        let deletions = std::mem::take(&mut step.deletions);
        if self.commit(step).await {
            Box::pin(self.carry_out_deletions(deletions)).await;
        }
        if self.has_work() {
            self.give_way().await;
        }
    }

    /// Waits until its code may go on; at once unless it is at long work. May be
    /// dropped at any time.
    pub(crate) async fn turn(&mut self) {
        if self.is_at_long_work() {
            let turns = self.core.turns.clone();
            self.place.wait(&turns).await;
        }
    }

    /// Whether its code goes on only when it is its turn.
    pub(crate) fn is_at_long_work(&self) -> bool {
        match &self.state {
            State::Run(latest) => latest.needs_turn(),
            State::Unknown | State::Nothing => false,
        }
    }

    /// Lets others run before going on with long work.
    async fn give_way(&mut self) {
        if std::mem::take(&mut self.crowded) {
            if let Some(oldest) = self.core.residents.first_to_go() {
                let _ = self.core.post(&oldest, Message::Evict);
            }
            let soon = self.core.clock.now() + CROWDED_WAIT;
            self.core.clock.sleep_until(soon).await;
        } else {
            tokio::task::yield_now().await;
        }
    }

    async fn load(&mut self) -> Result<(), ServerError> {
        if !matches!(self.state, State::Unknown) {
            return Ok(());
        }
        let store = &self.core.store;
        self.stored = store.current_run(&self.key).await?;
        self.state = match self.stored {
            None => State::Nothing,
            Some(run_id) => State::Run(Box::new(Latest {
                run: self.load_run(run_id).await?.ok_or_else(|| {
                    ServerError::Internal(format!(
                        "run {run_id} of workflow {} is named as the latest but is not stored",
                        self.key
                    ))
                })?,
                guest: Guest::Absent,
                overruns: 0,
            })),
        };
        Ok(())
    }

    async fn load_run(&self, run_id: RunId) -> Result<Option<Run>, ServerError> {
        let Some(image) = self.core.store.load_run(&self.key, run_id).await? else {
            return Ok(None);
        };
        Run::load(image, &self.core.limits)
            .map(Some)
            .map_err(|error| ServerError::Internal(error.to_string()))
    }

    /// Forgets everything: the truth is read back from disk.
    fn forget(&mut self) {
        self.drop_guest();
        self.update_waiters.lose();
        self.state = State::Unknown;
        self.stored = None;
    }

    fn drop_guest(&mut self) {
        self.place = Place::Nowhere;
        if let State::Run(latest) = &mut self.state
            && let Guest::Live(live) = std::mem::replace(&mut latest.guest, Guest::Absent)
        {
            // Whoever asked it is answered by the code that comes after it.
            self.queries.extend(live.asked);
        }
        self.core.residents.remove(&self.key);
    }

    fn latest(&mut self) -> Option<&mut Latest> {
        match &mut self.state {
            State::Run(latest) => Some(latest),
            State::Unknown | State::Nothing => None,
        }
    }
}

/// How long to wait after the store could not be read.
const RELOAD_AFTER: std::time::Duration = std::time::Duration::from_millis(100);
/// How long to wait for room for a live instance.
const CROWDED_WAIT: std::time::Duration = std::time::Duration::from_millis(5);
