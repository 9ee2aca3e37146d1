//! One world: servers that live and die one after the other on the same disk, and
//! clients and workers that go on across their deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::RunId;
use mainspring_engine::limits::Limits;
use mainspring_engine::time::Timestamp;
use mainspring_server::outside::Clock as _;
use mainspring_server::{Options, Parts, Server};
use parking_lot::Mutex;
use temporalio_protos::temporal::api::enums::v1::WorkflowExecutionStatus;
use tokio::task::JoinSet;

use crate::clients::Client;
use crate::clock::{SeededEntropy, VirtualClock};
use crate::lab::{self, Lab};
use crate::plan::{Plan, QUEUES, Slow};
use crate::store::ModelStore;
use crate::workers::Worker;
use crate::{Violation, check};

/// When every world begins.
pub const BEGIN: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
/// Between two looks at what is left to do.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After everything that was planned, runs have so long to end by themselves.
const PATIENCE: Duration = Duration::from_secs(60);
/// Once they are asked to cancel, they have so long.
const LAST_PATIENCE: Duration = Duration::from_secs(60);
/// A chain that goes on although each of its runs is asked never ends.
const ASKED_AT_MOST: usize = 500;
/// What is due may be late by this much while the server lives.
const LATE: Duration = Duration::from_secs(5);
/// A server is dead for so long.
const DOWN: Duration = Duration::from_millis(700);
/// Polls of workers on each queue.
const POLLS: usize = 2;
/// Servers that one world may use up: each fault kills one at most.
const LIVES: usize = 20;

/// What clients and workers were told, and so what must be true.
#[derive(Debug, Default)]
pub struct Truth {
    /// What was seen and must not be.
    pub wrong: Vec<String>,
    /// Runs by the start that began them.
    pub started: BTreeMap<usize, RunId>,
    /// Starts and messages that have their answer.
    pub answered: BTreeSet<(bool, usize)>,
    /// Signals that were sent, and whether they were acknowledged.
    pub signals: BTreeMap<usize, bool>,
    /// Updates whose outcome was told, and whether they were rejected.
    pub updates: BTreeMap<usize, bool>,
    /// The last attempt of each activity that a worker was given.
    pub given: BTreeMap<(RunId, i64), u32>,
    /// Attempts that a worker hung up on.
    pub refused: BTreeSet<(RunId, i64, u32)>,
    /// Activities whose completion was acknowledged, by attempt.
    pub completed: BTreeMap<(RunId, i64), u32>,
}

/// What a world came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    /// Servers that lived in it.
    pub lives: usize,
    /// Runs.
    pub runs: usize,
    /// Events of all histories.
    pub events: usize,
    /// A digest of all histories: the same seed gives the same one.
    pub fingerprint: u64,
}

enum Ended {
    Killed,
    Settled,
}

/// Lives the world of a plan and judges it.
pub fn live(plan: &Plan, lab: &Lab) -> Result<Lived, Violation> {
    let store = Arc::new(ModelStore::new(
        lab.shelf.clone(),
        plan.faults.clone(),
        plan.seed,
    ));
    let plan = Arc::new(plan.clone());
    let truth = Arc::new(Mutex::new(Truth::default()));
    let mut now = BEGIN;
    for lives in 1..=LIVES {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let life = Life {
            plan: plan.clone(),
            lab: lab.clone(),
            store: store.clone(),
            truth: truth.clone(),
            number: lives as u64,
        };
        let (ended, until) = runtime.block_on(life.live(now))?;
        // SIGKILL: whatever was under way is gone.
        drop(runtime);
        now = until + DOWN;
        if let Some(broken) = store.broken() {
            return Err(Violation(broken));
        }
        if let Some(wrong) = truth.lock().wrong.first() {
            return Err(Violation(wrong.clone()));
        }
        if matches!(ended, Ended::Settled) {
            return check::world(lab, &store, &truth.lock(), lives);
        }
    }
    Err(Violation(format!("{LIVES} servers were not enough")))
}

/// One server's life.
struct Life {
    plan: Arc<Plan>,
    lab: Lab,
    store: Arc<ModelStore>,
    truth: Arc<Mutex<Truth>>,
    number: u64,
}

impl Life {
    async fn live(self, now: Timestamp) -> Result<(Ended, Timestamp), Violation> {
        let clock = Arc::new(VirtualClock::at(now));
        let limits = Limits {
            live_instances: self.plan.live_instances,
            queue_tasks_in_memory: self.plan.tasks_in_memory,
            ..lab::limits()
        };
        // Where code is slow, each of its pauses ends a slice.
        let limits = match self.plan.slow {
            Some(_) => Limits {
                activation_slice: Duration::ZERO,
                ..limits
            },
            None => limits,
        };
        let slow = self.plan.slow.unwrap_or(Slow { turns: 1, takes: 0 });
        let server = Server::open(Parts {
            store: self.store.clone(),
            sandbox: self.lab.sandbox.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(self.plan.seed ^ (self.number << 48))),
            limits,
            options: Options {
                evict_after_each_activation: self.plan.forgets_code,
                turns: Some(slow.turns),
                turn_takes: Duration::from_millis(slow.takes),
            },
        })
        .await
        .map_err(|error| format!("a server does not start: {error}"))?;
        let client = Client {
            server: server.clone(),
            clock: clock.clone(),
            truth: self.truth.clone(),
        };
        let mut people = JoinSet::new();
        self.send_clients(&client, &mut people);
        let dying = server.clone();
        let worker = Arc::new(Worker {
            server,
            clock: clock.clone(),
            truth: self.truth.clone(),
            outages: self.plan.outages.clone(),
        });
        for queue in 0..QUEUES {
            for _ in 0..POLLS {
                people.spawn(worker.clone().poll(queue));
            }
        }
        let ended = tokio::select! {
            biased;
            () = self.store.killed.notified() => Ended::Killed,
            settled = self.settle(&client) => settled?,
        };
        let until = clock.now();
        dying.abandon();
        Ok((ended, until))
    }

    fn send_clients(&self, client: &Client, people: &mut JoinSet<()>) {
        let answered = self.truth.lock().answered.clone();
        for (index, start) in self.plan.starts.iter().enumerate() {
            if !answered.contains(&(true, index)) {
                people.spawn(client.clone().start(index, start.clone()));
            }
        }
        for (index, message) in self.plan.messages.iter().enumerate() {
            if !answered.contains(&(false, index)) {
                people.spawn(client.clone().tell(index, message.clone()));
            }
        }
    }

    /// Waits until everything planned has happened and every run has ended, by
    /// itself or because it was asked to.
    async fn settle(&self, client: &Client) -> Result<Ended, Violation> {
        let planned = BEGIN + Duration::from_millis(self.last_plan());
        let began = client.clock.now();
        let (mut asked, mut last_asked) = (BTreeSet::new(), began);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if !self.truth.lock().wrong.is_empty() || self.store.broken().is_some() {
                return Ok(Ended::Settled);
            }
            let all = self.plan.starts.len() + self.plan.messages.len();
            let answered = self.truth.lock().answered.len() == all;
            let open = self.open_runs();
            let letters = self.store.look(|rows| rows.outbox.len());
            if answered && open.is_empty() && letters == 0 {
                return Ok(Ended::Settled);
            }
            let now = client.clock.now();
            let patient_until = planned.max(began) + PATIENCE;
            if now < patient_until {
                continue;
            }
            if !answered {
                return Err(Violation("a request is never answered".to_owned()));
            }
            if asked.is_empty() {
                check::nothing_is_late(&self.store, now, LATE)?;
                check::nothing_is_unheard(&self.store, now, LATE)?;
            }
            // One may have been followed by another meanwhile.
            let new: Vec<_> = open
                .iter()
                .filter(|run_id| asked.insert(**run_id))
                .collect();
            for run_id in &new {
                client.ask_to_cancel(&self.store, **run_id).await;
                last_asked = now;
            }
            let last = last_asked.max(patient_until) + LAST_PATIENCE;
            if now > last || asked.len() > ASKED_AT_MOST {
                let what = match open.first() {
                    Some(run_id) => format!("run {run_id} does not end although it was cancelled"),
                    None => format!("{letters} letters never arrive"),
                };
                return Err(Violation(what));
            }
        }
    }

    fn open_runs(&self) -> Vec<RunId> {
        self.store.look(|rows| {
            let open = rows
                .runs
                .values()
                .filter(|row| row.status == WorkflowExecutionStatus::Running);
            open.map(|row| row.run_id).collect()
        })
    }

    fn last_plan(&self) -> u64 {
        let starts = self.plan.starts.iter().map(|start| start.at);
        let messages = self.plan.messages.iter().map(|message| message.at);
        let outages = self.plan.outages.iter().map(|outage| outage.to);
        let all = starts.chain(messages).chain(outages);
        all.max().unwrap_or_default()
    }
}
