//! Running the workflow's code.
//!
//! ```text
//! Absent     + the run is new             -> Live: nothing to replay
//! Absent     + a task is owed, or a query -> Rebuilding (after what is staged is committed)
//! Rebuilding + all of history replayed    -> Live
//! Rebuilding + the code diverges, traps   -> Absent, the task failed (WF-03)
//! Live       + a task is owed             -> activated; within the slice it ends idle,
//!                                            beyond it the instance stays Live and busy
//! Live       + it trapped                 -> Absent, the task failed
//! Live       + a query is asked           -> answers, slice by slice, before anything else
//! Live       + it answered a read         -> Absent before the next task (policy rebuild)
//! ```

use mainspring_engine::guest::{Command, TaskFailure};
use mainspring_engine::run::{OpenTask, TaskMeta, TaskRefused, update_id_of};
use mainspring_engine::search::check_commands;
use mainspring_engine::session::{RunEnd, RunFacts, Session, TaskInput};
use mainspring_sandbox::{Component, Instance, Progress, ReadsPolicy};
use std::sync::Arc;
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowTaskFailedCause};
use temporalio_protos::temporal::api::history::v1::HistoryEvent;

use super::queries::WaitingQuery;
use super::rebuild::{Rebuild, RebuildProgress};
use super::step::Step;
use super::{Actor, State};
use crate::error::ServerError;
use crate::mailbox::message::Message;
use crate::residents::Rest;

/// The code of the latest run.
pub(super) enum Guest {
    /// Not in memory.
    Absent,
    /// Being replayed.
    Rebuilding(Box<Rebuild>),
    /// At the end of the history, waiting or at work.
    Live(Box<LiveGuest>),
}

/// Code that has heard everything up to the last completed task.
pub(super) struct LiveGuest {
    pub(super) instance: Instance,
    pub(super) component: Component,
    /// The task that it is at work on.
    task: Option<OpenTask>,
    /// The update that this task carries.
    updating: Option<String>,
    /// It is the run's own affair: no message from outside is in its batch.
    is_own_task: bool,
    /// The query that it is at work on.
    pub(super) asked: Option<WaitingQuery>,
}

/// What one look at the code led to.
pub(super) enum Turn {
    /// Look again.
    Again,
    /// Commit first, or wait for the next step.
    Enough,
}

impl Guest {
    /// Whether it has work under way.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Guest::Absent => false,
            Guest::Rebuilding(_) => true,
            Guest::Live(live) => live.task.is_some() || live.asked.is_some(),
        }
    }

    /// Whether it has used up a slice and needs more: it goes on when it is its turn.
    pub(super) fn is_at_long_work(&self) -> bool {
        match self {
            Guest::Absent => false,
            Guest::Rebuilding(rebuild) => rebuild.has_used_a_slice(),
            Guest::Live(live) => live.task.is_some() || live.asked.is_some(),
        }
    }

    /// Whether it takes an instance's memory.
    pub(super) fn is_resident(&self) -> bool {
        !matches!(self, Guest::Absent)
    }
}

impl LiveGuest {
    pub(super) fn new(instance: Instance, component: Component) -> Self {
        Self {
            instance,
            component,
            task: None,
            updating: None,
            is_own_task: false,
            asked: None,
        }
    }

    /// Whether a read has left it unfit for the next task.
    fn is_spent(&self, workflow_type: &str) -> bool {
        let session = self.instance.session();
        let trusted = self.component.description().reads_of(workflow_type) == ReadsPolicy::Trust;
        session.must_rebuild() || (session.is_tainted() && !trusted)
    }
}

impl Actor {
    /// Lets the code run as far as this step allows.
    pub(super) async fn run_code(&mut self, step: &mut Step) {
        loop {
            let turn = match self.state {
                State::Run(ref latest) if latest.run.successor_code().is_some() => {
                    Box::pin(self.succeed(step)).await
                }
                State::Run(ref latest)
                    if latest.run.is_open() && latest.needs_turn() && !self.place.is_turn() =>
                {
                    Turn::Enough
                }
                State::Run(ref latest) if latest.run.is_open() => match latest.guest {
                    Guest::Absent => self.bring_up().await,
                    Guest::Rebuilding(_) => self.go_on_rebuilding().await,
                    Guest::Live(_) => self.go_on_living(step),
                },
                _ => {
                    self.drop_guest();
                    self.answer_queries_of_closed_run();
                    Turn::Enough
                }
            };
            match turn {
                Turn::Again => {}
                Turn::Enough => return,
            }
        }
    }

    /// Nothing is in memory: start or rebuild, if something needs the code.
    async fn bring_up(&mut self) -> Turn {
        let asked = !self.queries.is_empty();
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        let answers =
            asked && latest.run.blocked().is_none() && latest.run.first_task_at().is_none();
        if !latest.run.owes_task() && !latest.run.owes_update() && !answers {
            self.refuse_queries_without_answer();
            return Turn::Enough;
        }
        let begins = latest.run.begins_code();
        if !begins && latest.run.has_staged() {
            // A replay reads what is committed; and nobody should wait for it.
            return Turn::Enough;
        }
        let digest = latest.run.digest();
        if begins && latest.run.has_staged() && !self.core.components.is_loaded(digest) {
            // It may have to be compiled: the start is recorded before that.
            return Turn::Enough;
        }
        let component = match self.core.components.load(digest).await {
            Ok(component) => component,
            Err(error) => return self.component_missing(&error),
        };
        if begins {
            return self.start_code(component);
        }
        if let Some(latest) = self.latest() {
            latest.guest = Guest::Rebuilding(Box::new(Rebuild::new(
                component,
                latest.run.key().clone(),
                latest.run.run_id(),
            )));
        }
        Turn::Again
    }

    fn component_missing(&mut self, error: &ServerError) -> Turn {
        self.fail_task(TaskFailure {
            cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            message: format!("the workflow's code cannot be loaded: {error}"),
            details: String::new(),
        });
        Turn::Enough
    }

    /// A run that begins in this very step: its code needs no replay.
    fn start_code(&mut self, component: Component) -> Turn {
        let limits = self.core.limits.clone();
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        let Some(facts) = latest.run.new_run_facts() else {
            return Turn::Enough;
        };
        match instantiate(&component, facts, &limits) {
            Ok(instance) => {
                latest.guest = Guest::Live(Box::new(LiveGuest::new(instance, component)));
                Turn::Again
            }
            Err(()) => {
                self.crowded = true;
                Turn::Enough
            }
        }
    }

    async fn go_on_rebuilding(&mut self) -> Turn {
        let core = self.core.clone();
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        if latest.run.has_staged() {
            return Turn::Enough;
        }
        let last_event_id = latest.run.last_event_id();
        let Guest::Rebuilding(rebuild) = &mut latest.guest else {
            return Turn::Enough;
        };
        match rebuild.go_on(&core, last_event_id).await {
            RebuildProgress::More => Turn::Enough,
            RebuildProgress::Crowded => {
                self.crowded = true;
                Turn::Enough
            }
            RebuildProgress::Done(done) => {
                latest.run.restore_unread(done.tail.batch, done.tail.behind);
                latest.guest = Guest::Live(Box::new(LiveGuest::new(done.instance, done.component)));
                self.touch(Rest::Expectant);
                Turn::Again
            }
            RebuildProgress::Failed(failure) => {
                self.fail_task(failure);
                Turn::Enough
            }
            RebuildProgress::Unreadable(error @ ServerError::Internal(_)) => {
                // Damage does not mend itself: visible, and looked at ever less often.
                self.fail_task(TaskFailure {
                    cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                    message: format!("the run's history cannot be read: {error}"),
                    details: String::new(),
                });
                Turn::Enough
            }
            RebuildProgress::Unreadable(error) => {
                tracing::warn!(key = %self.key, %error, "cannot read a history");
                self.crowded = true;
                Turn::Enough
            }
        }
    }

    /// The code is live: activate it, or let it answer queries.
    fn go_on_living(&mut self, step: &mut Step) -> Turn {
        let asked = !self.queries.is_empty();
        let core = self.core.clone();
        let now = core.clock.now();
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        let workflow_type = latest.run.workflow_type();
        let owes = latest.run.owes_task() || latest.run.owes_update();
        let Guest::Live(live) = &mut latest.guest else {
            return Turn::Enough;
        };
        if live.asked.is_some() {
            return self.go_on_answering(step);
        }
        if live.task.is_none() {
            if owes && live.is_spent(workflow_type.as_str()) {
                self.drop_guest();
                return Turn::Again;
            }
            if !owes {
                if asked {
                    return self.go_on_answering(step);
                }
                return Turn::Enough;
            }
            let Some(batch) = latest.run.batch() else {
                // Another process recorded the batch: history has it.
                self.drop_guest();
                return Turn::Again;
            };
            let update = latest.run.next_update(batch.is_empty());
            live.is_own_task = update.is_none() && batch.iter().all(is_own);
            let task = latest.run.begin_task(now);
            live.updating = update
                .as_ref()
                .map(|update| update_id_of(&update.request).to_owned());
            live.instance.session().begin_task(TaskInput {
                scheduled_event_id: task.scheduled_event_id,
                now: task.started_at,
                replaying: false,
                batch,
                update,
                info: task.info.clone(),
            });
            live.task = Some(task);
        }
        match live.instance.advance(core.limits.activation_slice) {
            Progress::OutOfSlice => {
                // Messages are recorded meanwhile: behind this task, not before it.
                if let Some(task) = &mut live.task
                    && live.instance.session().has_accepted_update()
                {
                    latest.run.write_task_begin(task);
                }
                Turn::Enough
            }
            Progress::Idle => self.finish_task(None, step),
            Progress::Ended(end) => self.finish_task(Some(end), step),
            Progress::Fault(fault) => {
                self.faulted(fault.is_overrun, fault.failure);
                Turn::Enough
            }
        }
    }

    fn finish_task(&mut self, end: Option<RunEnd>, step: &mut Step) -> Turn {
        let now = self.core.clock.now();
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        let Guest::Live(live) = &mut latest.guest else {
            return Turn::Enough;
        };
        let Some(task) = live.task.take() else {
            return Turn::Enough;
        };
        let description = live.component.description();
        let meta = TaskMeta {
            sdk_name: description.sdk_name.clone(),
            sdk_version: description.sdk_version.clone(),
        };
        let updating = live.updating.take();
        let mut output = live.instance.session().finish_task(end);
        if let (Some(update_id), Some(reason)) = (updating, output.rejected.take()) {
            let is_traceless = task.unwritten && task.attempt == 1 && output.commands.is_empty();
            latest.run.reject_update(&update_id);
            self.tell_of_rejection(&update_id, reason, step);
            if !is_traceless {
                // The task is done again without it, by code that has not seen it.
                self.drop_guest();
                return Turn::Again;
            }
            return self.activated(false);
        }
        let checked = self.check_properties(&mut output.commands);
        let checked = checked.and_then(|()| self.find_successor_code(&mut output.commands, step));
        if let Err(failure) = checked {
            self.fail_task(failure);
            return Turn::Enough;
        }
        let Some(latest) = self.latest() else {
            return Turn::Enough;
        };
        let Guest::Live(live) = &mut latest.guest else {
            return Turn::Enough;
        };
        let completed = latest.run.complete_task(now, &task, output.commands, &meta);
        match completed {
            Ok(events) => {
                live.instance.session().observe(&events);
                let is_own = live.is_own_task;
                latest.overruns = 0;
                self.tell_of_updates(&events, step);
                if output.untaken > 0 {
                    tracing::warn!(
                        key = %self.key,
                        events = output.untaken,
                        "the workflow ended before it took everything it was sent"
                    );
                }
                self.activated(is_own)
            }
            // The code has gone on from a task that never was.
            Err(
                TaskRefused::UnhandledMessages | TaskRefused::BatchChanged | TaskRefused::NotOpen,
            ) => {
                self.drop_guest();
                Turn::Again
            }
        }
    }

    /// Search attributes and memos that the commands carry, against what their
    /// namespaces have; `Err`: the task fails.
    fn check_properties(&self, commands: &mut [Command]) -> Result<(), TaskFailure> {
        let (core, own) = (&self.core, &self.key.namespace);
        let known = |namespace: &str, name: &str| match namespace {
            "" => core.search_attributes.type_of(own, name),
            other => core.search_attributes.type_of(&other.into(), name),
        };
        check_commands(commands, &known, &core.limits)
    }

    fn activated(&mut self, is_own: bool) -> Turn {
        if self.core.options.evict_after_each_activation {
            self.drop_guest();
            return Turn::Again;
        }
        let soon = self.core.clock.now() + self.core.residents.idle();
        let wakes = self.latest().and_then(|latest| latest.run.sleeps_until());
        // Who talks to a run may have more to say, whatever it waits for itself.
        self.touch(match wakes {
            Some(at) if is_own && at > soon => Rest::Asleep,
            _ => Rest::Expectant,
        });
        Turn::Again
    }

    /// The instance was used just now; another one may have to make room.
    pub(super) fn touch(&mut self, rest: Rest) {
        let events = self.latest().map_or(0, |latest| latest.run.last_event_id());
        let now = self.core.clock.now();
        if let Some(first) = self.core.residents.touch(&self.key, now, events, rest) {
            // A full mailbox is at work: it is not the one to evict.
            let _ = self.core.post(&first, Message::Evict);
        }
    }

    fn faulted(&mut self, is_overrun: bool, failure: TaskFailure) {
        if let Some(latest) = self.latest() {
            latest.overruns += u32::from(is_overrun);
            if is_overrun && latest.overruns == 1 {
                // The machine may have been busy: once more from history.
                self.drop_guest();
                return;
            }
        }
        self.fail_task(failure);
    }

    fn fail_task(&mut self, failure: TaskFailure) {
        let now = self.core.clock.now();
        tracing::warn!(
            key = %self.key,
            cause = failure.cause.as_str_name(),
            message = failure.message,
            "a workflow task failed; the run is tried again later"
        );
        if let Some(latest) = self.latest() {
            latest.overruns = 0;
            if let Guest::Live(live) = &mut latest.guest
                && let Some(task) = live.task.as_mut().filter(|task| task.attempt == 1)
            {
                // An update's task is in the history for its failure's sake.
                latest.run.write_task_begin(task);
            }
            latest.run.fail_task(now, failure);
        }
        self.drop_guest();
    }
}

/// Whether an event answers the run itself, or begins it: nobody talks to it.
fn is_own(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::WorkflowExecutionStarted
            | EventType::TimerFired
            | EventType::ActivityTaskCompleted
            | EventType::ActivityTaskFailed
            | EventType::ActivityTaskTimedOut
            | EventType::ActivityTaskCanceled
    )
}

/// A fresh instance; `Err`: there is no room for one more at the moment.
pub(super) fn instantiate(
    component: &Component,
    facts: RunFacts,
    limits: &mainspring_engine::limits::Limits,
) -> Result<Instance, ()> {
    let session = Session::new(Arc::new(facts), limits);
    component.instantiate(session).map_err(|error| {
        tracing::debug!(%error, "no room for an instance");
    })
}
