//! Random lives of a run: seeded scripts of everything that can happen to it, with
//! restarts at any moment. After each commit the rows give the same run back, the
//! history folds to the same state, and nothing due is forgotten. A life goes on in
//! the runs that follow (continue-as-new, retries, cron).
//!
//! `MAINSPRING_SEED=n` repeats one life, `MAINSPRING_LIVES=n` lives more of them.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use temporalio_protos::temporal::api::common::v1::RetryPolicy;
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::update::v1::{Meta, Request};

use super::tests::request;
use super::*;
use crate::activity::ActivityRef;
use crate::failure;
use crate::guest::{
    ActivityCancellation, Command, ComponentRef, ContinueAsNew, ScheduleActivity, StartTimer,
    TaskFailure, VersioningIntent,
};
use crate::history;
use crate::replay::Cutter;
use crate::session::RunFacts;
use crate::transition::ActivityRow;

const START: Timestamp = Timestamp::from_nanos(1_000_000_000_000);
const STEPS: usize = 120;

/// A run, and what a store would hold of it.
struct Life {
    random: StdRng,
    now: Timestamp,
    run: Run,
    facts: RunFacts,
    /// Runs before this one.
    before: Vec<RunId>,
    row: Option<RunRow>,
    activities: BTreeMap<i64, ActivityRow>,
    timers: BTreeMap<i64, TimerRow>,
    history: Vec<HistoryEvent>,
    /// The rows of completed updates.
    outcomes: BTreeMap<String, i64>,
    /// Tokens that were handed out, good and stale.
    tokens: Vec<ActivityRef>,
    operations: u32,
    /// Updates that were accepted in a task, whether it was taken or not.
    accepted: Vec<String>,
}

impl Life {
    fn begin(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut request = request();
        if random.random_bool(0.2) {
            request.run_timeout = Some(Duration::from_secs(random.random_range(1..3_000)));
        }
        if random.random_bool(0.2) {
            request.start_delay = Some(Duration::from_secs(random.random_range(1..200)));
        } else if random.random_bool(0.2) {
            request.cron_schedule = "@every 90s".into();
        }
        if random.random_bool(0.3) {
            request.retry_policy = Some(RetryPolicy {
                maximum_attempts: random.random_range(0..4),
                ..RetryPolicy::default()
            });
        }
        let run = Run::start(request, START, &Limits::default());
        Self {
            random,
            now: START,
            facts: run.new_run_facts().expect("it is new"),
            run,
            before: Vec::new(),
            row: None,
            activities: BTreeMap::new(),
            timers: BTreeMap::new(),
            history: Vec::new(),
            outcomes: BTreeMap::new(),
            tokens: Vec::new(),
            operations: 0,
            accepted: Vec::new(),
        }
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.random.random_range(0..most * 1_000))
    }

    fn live_one_step(&mut self) {
        let (now, identity) = (self.now, "somebody".to_owned());
        let owes = self.run.owes_task() || self.run.owes_update();
        match self.random.random_range(0..100) {
            0..30 if owes => self.run_task(),
            30..34 => self.signal(),
            34..38 => self.update(),
            38..40 => drop(self.run.request_cancel(now, "why".into(), identity)),
            40..60 => self.start_an_attempt(),
            60..80 => self.report(),
            80..95 => {
                self.now = now + self.seconds(40);
                self.run.wake(self.now);
            }
            95 => drop(self.run.terminate(now, "why".into(), None, identity)),
            _ => self.restart(),
        }
    }

    fn signal(&mut self) {
        self.operations += 1;
        let signal = SignalInput {
            name: "s".into(),
            request_id: format!("r-{}", self.operations),
            ..SignalInput::default()
        };
        // Refused where the run is closed.
        let _ = self.run.signal(self.now, signal);
    }

    /// Refused where the run is closed, or has as many as it may.
    fn update(&mut self) {
        self.operations += 1;
        let request = Request {
            meta: Some(Meta {
                update_id: format!("u-{}", self.operations),
                identity: "somebody".into(),
            }),
            ..Request::default()
        };
        let _ = self.run.admit_update(request);
    }

    fn run_task(&mut self) {
        if self.run.batch().is_none() {
            self.bring_back_batch();
        }
        let batch = self.run.batch().expect("it was brought back");
        let update = self.run.next_update(batch.is_empty());
        let mut task = self.run.begin_task(self.now);
        let update_id = update.map(|update| update_id_of(&update.request).to_owned());
        if let Some(update_id) = &update_id {
            match self.random.random_range(0..4) {
                // It leaves no trace, and the code is built anew.
                0 => return self.run.reject_update(update_id),
                // It takes longer than a slice.
                1 => self.run.write_task_begin(&mut task),
                _ => {}
            }
        }
        if self.random.random_bool(0.3) {
            // It comes in while the code is at work.
            self.signal();
        }
        if self.random.random_bool(0.1) {
            let failure = TaskFailure {
                cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                message: "a bug".into(),
                details: String::new(),
            };
            return self.run.fail_task(self.now, failure);
        }
        let count = self.random.random_range(0..4);
        let mut commands: Vec<Command> = (0..count).map(|_| self.command()).collect();
        if let Some(update_id) = update_id {
            commands.push(Command::AcceptUpdate {
                update_id: update_id.clone(),
                name: String::new(),
            });
            self.accepted.push(update_id);
        }
        if !self.accepted.is_empty() && self.random.random_bool(0.5) {
            let index = self.random.random_range(0..self.accepted.len());
            commands.push(Command::CompleteUpdate {
                update_id: self.accepted.remove(index),
                outcome: Ok(None),
            });
        }
        if self.random.random_bool(0.06) {
            commands.push(match self.random.random_range(0..3) {
                0 => Command::CompleteWorkflow { result: None },
                1 => Command::FailWorkflow {
                    failure: failure::application("oops".into(), "Oops", String::new()),
                },
                _ => Command::ContinueAsNew(Box::new(continuation())),
            });
        }
        // Refused where messages came in that it has not seen: it is done again.
        let _ = self
            .run
            .complete_task(self.now, &task, commands, &TaskMeta::default());
    }

    fn command(&mut self) -> Command {
        self.operations += 1;
        let (handle, id) = (u64::from(self.operations), self.operations.to_string());
        let open: Vec<String> = self
            .run
            .activities
            .values()
            .map(|activity| activity.activity_id().to_owned())
            .collect();
        let timers: Vec<Timer> = self.run.timers.values().cloned().collect();
        match self.random.random_range(0..10) {
            0 if !open.is_empty() => Command::RequestCancelActivity {
                handle,
                activity_id: open[self.random.random_range(0..open.len())].clone(),
                scheduled_event_id: None,
            },
            1 if !timers.is_empty() => Command::CancelTimer {
                handle,
                timer_id: timers[self.random.random_range(0..timers.len())]
                    .timer_id
                    .clone(),
                started_event_id: None,
            },
            2..5 => Command::StartTimer(StartTimer {
                handle,
                timer_id: id,
                duration: self.seconds(100),
                metadata: None,
            }),
            _ => self.activity(handle, id),
        }
    }

    fn activity(&mut self, handle: u64, activity_id: String) -> Command {
        let sometimes = |life: &mut Self, most| {
            let set = life.random.random_bool(0.4);
            set.then(|| life.seconds(most) + Duration::from_millis(1))
        };
        let schedule_to_close_timeout = sometimes(self, 200);
        let schedule_to_start_timeout = sometimes(self, 60);
        let heartbeat_timeout = sometimes(self, 20);
        let maximum_attempts = self.random.random_range(0..4);
        Command::ScheduleActivity(ScheduleActivity {
            handle,
            activity_type: "Charge".into(),
            activity_id,
            task_queue: None,
            input: None,
            header: None,
            schedule_to_close_timeout,
            schedule_to_start_timeout,
            start_to_close_timeout: Some(self.seconds(60) + Duration::from_millis(1)),
            heartbeat_timeout,
            retry_policy: Some(RetryPolicy {
                maximum_attempts,
                ..RetryPolicy::default()
            }),
            cancellation: ActivityCancellation::WaitCompleted,
            priority: None,
            metadata: None,
        })
    }

    fn start_an_attempt(&mut self) {
        let queued: Vec<i64> = self
            .run
            .activities
            .values()
            .filter(|activity| activity.is_queued())
            .map(PendingActivity::scheduled_event_id)
            .collect();
        if queued.is_empty() {
            return;
        }
        let id = queued[self.random.random_range(0..queued.len())];
        let nonce = self.random.random();
        let attempt = self.run.start_attempt(self.now, id, "worker", nonce);
        self.tokens.push(ActivityRef::Token {
            scheduled_event_id: id,
            attempt: attempt.expect("it is queued").attempt,
            nonce,
        });
    }

    /// Somebody says something about an attempt that was handed out, maybe long ago.
    fn report(&mut self) {
        if self.tokens.is_empty() {
            return;
        }
        let token = self.tokens[self.random.random_range(0..self.tokens.len())].clone();
        let (now, identity) = (self.now, "worker".to_owned());
        let oops = failure::application("oops".into(), "Oops", String::new());
        // Stale reports are refused and change nothing.
        match self.random.random_range(0..5) {
            0 => drop(self.run.complete_activity(now, &token, None, identity)),
            1 => drop(self.run.fail_activity(now, &token, oops, None, identity)),
            2 => drop(self.run.cancel_activity(now, &token, None, identity)),
            3 => drop(self.run.heartbeat(now, &token, None)),
            _ => {
                let ActivityRef::Token {
                    scheduled_event_id,
                    attempt,
                    nonce,
                } = token
                else {
                    return;
                };
                let _ = self.run.give_back(scheduled_event_id, attempt, nonce);
            }
        }
    }

    /// The run that closed in this step is followed by another.
    fn succeed(&mut self) {
        let Some(code) = self.run.successor_code() else {
            return;
        };
        assert!(!self.run.is_open());
        assert_eq!(code.workflow_type.as_str(), "Order");
        let component = ComponentRef {
            digest: self.run.digest(),
            name: "orders".into(),
            version: "v1".into(),
        };
        let next = self.run.begin_successor(&self.facts, component);
        let next = next.expect("it is followed by one");
        self.run.take_queued();
        self.commit();
        self.check();
        let closed = self.history.last().expect("it is closed");
        let named = format!("{closed:?}").contains(&next.run_id().to_string());
        assert!(named, "the close event names its successor: {closed:?}");
        assert_eq!(next.first_run_id(), self.run.first_run_id());
        self.before.push(self.run.run_id());
        assert!(!self.before.contains(&next.run_id()));
        assert_eq!(next.execution_time() > next.start_time(), !next.owes_task());
        self.facts = next.new_run_facts().expect("it is new");
        self.run = next;
        self.row = None;
        self.history.clear();
        self.tokens.clear();
        self.accepted.clear();
        self.commit();
    }

    /// Only rows are left; a task's batch has to come from the history.
    fn restart(&mut self) {
        if let Some(run) = self.loaded() {
            self.run = run;
        }
    }

    fn bring_back_batch(&mut self) {
        let mut cutter = Cutter::default();
        for event in self.history.clone() {
            cutter.push(event).expect("the history is whole");
        }
        // The last task that was completed is behind what is cut out.
        let _ = cutter.take_complete();
        let tail = cutter.into_tail();
        self.run.restore_unread(tail.batch, tail.behind);
    }

    fn loaded(&self) -> Option<Run> {
        let image = RunImage {
            row: self.row.clone()?,
            activities: self.activities.values().cloned().collect(),
            timers: self.timers.values().cloned().collect(),
            children: Vec::new(),
            outbox: Vec::new(),
        };
        Some(Run::load(image, &Limits::default()).expect("rows can be read"))
    }

    /// What a store does, guards included.
    fn commit(&mut self) {
        for write in self.run.take_activity_writes() {
            let id = write.row.scheduled_event_id;
            assert_eq!(self.activities[&id].stamp + 1, write.row.stamp);
            self.activities.insert(id, write.row);
            let row = self.row.as_mut().expect("an activity has a run");
            row.wake_at = row.wake_at.into_iter().chain(write.wake_at).min();
        }
        let Some(change) = self.run.take_change() else {
            return;
        };
        let stored = self.row.as_ref().map_or(0, |row| row.version);
        assert_eq!(stored + 1, change.row.version);
        if let Some(batch) = &change.events {
            let events = history::decode(batch).expect("what was encoded");
            self.history.extend(events);
        }
        self.row = Some(change.row);
        for row in change.activities {
            self.activities.insert(row.scheduled_event_id, row);
        }
        for update in change.completed_updates {
            self.outcomes
                .insert(update.update_id, update.completed_event_id);
        }
        for row in change.timers {
            self.timers.insert(row.started_event_id, row);
        }
        self.activities
            .retain(|id, _| !change.closed_activities.contains(id));
        self.timers
            .retain(|id, _| !change.closed_timers.contains(id));
    }

    fn check(&self) {
        for (index, event) in self.history.iter().enumerate() {
            assert_eq!(event.event_id, index as i64 + 1, "a gap");
        }
        let loaded = self.loaded().expect("it was committed");
        assert_eq!(derived(&self.run), derived(&loaded), "rows say otherwise");
        assert_eq!(self.run.pending_activities(), loaded.pending_activities());
        assert_eq!(self.run.next_wake(), loaded.next_wake());
        assert_eq!(self.run.next_wake(), first_due(&self.run));
        assert_eq!(derived(&self.run), derived(&self.folded()), "history");
        self.check_updates();
        let stored = self.row.as_ref().and_then(|row| row.wake_at);
        if let Some(due) = self.run.next_wake() {
            assert!(
                stored.is_some_and(|at| at <= due),
                "it would sleep too long"
            );
        }
        if !self.run.is_open() {
            assert_eq!(stored, None);
            assert!(self.activities.is_empty() && self.timers.is_empty());
            self.check_nothing_unheard();
        }
    }

    /// MSG-11: each completion follows its own acceptance, once.
    fn check_updates(&self) {
        let mut open = BTreeMap::new();
        for event in &self.history {
            match &event.attributes {
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(a)) => {
                    let known = open.insert(a.protocol_instance_id.clone(), event.event_id);
                    assert_eq!(known, None, "accepted twice");
                }
                Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(a)) => {
                    let id = a.meta.clone().unwrap_or_default().update_id;
                    assert_eq!(open.remove(&id), Some(a.accepted_event_id));
                    assert_eq!(self.outcomes.get(&id), Some(&event.event_id));
                }
                _ => {}
            }
        }
        for (update_id, event_id) in open {
            let stage = Some(UpdateStage::Accepted(event_id));
            assert_eq!(self.run.update_stage(&update_id), stage);
        }
    }

    /// MSG-03: a run that completes has been handed everything that came in before.
    fn check_nothing_unheard(&self) {
        use WorkflowExecutionStatus as Status;
        if !matches!(
            self.run.status(),
            Status::Completed | Status::ContinuedAsNew
        ) {
            return;
        }
        let is = |event: &HistoryEvent, kind| event.event_type() == kind;
        let behind_the_last_batch = self
            .history
            .iter()
            .rev()
            // What follows the completed task comes of its own commands.
            .skip_while(|event| !is(event, EventType::WorkflowTaskCompleted))
            .take_while(|event| !is(event, EventType::WorkflowTaskScheduled));
        for event in behind_the_last_batch {
            assert!(!history::is_deliverable(event), "unheard: {event:?}");
        }
    }

    /// The state that history alone tells.
    fn folded(&self) -> Run {
        let mut run = Run::start(request(), START, &Limits::default());
        run.staged = Staged::default();
        run.record.next_event_id = 1;
        run.record.history_size_bytes = 0;
        run.record.batch_waits = false;
        run.unread = Some(Vec::new());
        for event in &self.history {
            run.apply(event);
        }
        run
    }
}

/// What history tells of a run.
fn derived(run: &Run) -> impl PartialEq + std::fmt::Debug + use<> {
    let record = &run.record;
    (
        run.status,
        record.next_event_id,
        record.history_size_bytes,
        record.cancel_requested,
        (record.batch_waits, record.behind_batch),
        record.open_task.clone(),
        (record.had_task, record.updates_accepted),
        record.accepted_updates.clone(),
        run.activities.keys().copied().collect::<Vec<_>>(),
        run.timers.clone(),
    )
}

/// The earliest deadline, by looking at everything.
fn first_due(run: &Run) -> Option<Timestamp> {
    if !run.is_open() {
        return None;
    }
    if run.owes_task() {
        return Some(Timestamp::EPOCH);
    }
    let (run_deadline, execution_deadline) = run.deadlines();
    let activities = run.activities.values().map(PendingActivity::next_due);
    let timers = run.timers.values().map(|timer| Some(timer.fire_at));
    let blocked = run.blocked().map(|blocked| blocked.retry_at);
    let first_task = run.first_task_at();
    activities
        .chain(timers)
        .chain([run_deadline, execution_deadline, blocked, first_task])
        .flatten()
        .min()
}

fn continuation() -> ContinueAsNew {
    ContinueAsNew {
        workflow_type: "Order".into(),
        task_queue: "orders".into(),
        input: None,
        header: None,
        run_timeout: None,
        task_timeout: None,
        retry_policy: None,
        memo: None,
        search_attributes: None,
        versioning: VersioningIntent::Unspecified,
        backoff: None,
        component: None,
    }
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn rows_and_history_tell_the_same_of_every_random_life() {
    let first = setting("MAINSPRING_SEED").unwrap_or_else(|| rand::rng().random());
    let lives = match setting("MAINSPRING_SEED") {
        Some(_) => 1,
        None => setting("MAINSPRING_LIVES").unwrap_or(400),
    };
    println!("{lives} lives from MAINSPRING_SEED={first} on");
    let (mut closed, mut followed) = (0, 0);
    for seed in (0..lives).map(|n| first.wrapping_add(n)) {
        println!("MAINSPRING_SEED={seed}");
        let mut life = Life::begin(seed);
        life.commit();
        for _ in 0..STEPS {
            for _ in 0..life.random.random_range(1..3) {
                life.live_one_step();
            }
            life.succeed();
            // Queued activities are offered before each commit.
            life.run.take_queued();
            life.commit();
            life.check();
        }
        closed += u64::from(!life.run.is_open());
        followed += life.before.len() as u64;
    }
    assert!(lives < 100 || closed * 20 > lives, "{closed} of {lives}");
    assert!(
        lives < 100 || followed * 10 > lives,
        "{followed} of {lives}"
    );
}
