//! One world: servers that live and die one after the other on the same disk, and
//! clients and workers that go on across their deaths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::RunId;
use mainspring_engine::limits::Limits;
use mainspring_engine::time::{Timestamp, wire_duration};
use mainspring_server::outside::Clock as _;
use mainspring_server::{Options, Parts, Query, Server, ServerError, Signal, StartWorkflow};
use mainspring_server::{Stop, Target};
use parking_lot::Mutex;
use temporalio_protos::temporal::api::common::v1::{Payload, Payloads, RetryPolicy};
use temporalio_protos::temporal::api::enums::v1::{
    QueryRejectCondition, UpdateWorkflowExecutionLifecycleStage as Stage, WorkflowExecutionStatus,
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::update::v1::{self as update, outcome};
use tokio::task::JoinSet;

use crate::clock::{SeededEntropy, VirtualClock};
use crate::lab::{self, Lab};
use crate::plan::{Conflict, Message, Plan, QUEUES, Start, What};
use crate::store::{ModelStore, key};
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
/// What is due may be late by this much while the server lives.
const LATE: Duration = Duration::from_secs(5);
/// A server is dead for so long.
const DOWN: Duration = Duration::from_millis(700);
/// A call that was not answered is tried again after this long.
const AGAIN: Duration = Duration::from_millis(40);
/// One call waits so long for an update.
const UPDATE_WAIT: Duration = Duration::from_secs(10);
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
        let server = Server::open(Parts {
            store: self.store.clone(),
            sandbox: self.lab.sandbox.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(self.plan.seed ^ (self.number << 48))),
            limits,
            options: Options {
                evict_after_each_activation: self.plan.forgets_code,
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
        let mut asked = false;
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
            if !asked {
                asked = true;
                check::nothing_is_late(&self.store, now, LATE)?;
                check::nothing_is_unheard(&self.store)?;
                for run_id in open {
                    client.ask_to_cancel(&self.store, run_id).await;
                }
            } else if now > patient_until + LAST_PATIENCE {
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

/// Somebody who calls the server, and calls again where there was no answer.
#[derive(Clone)]
struct Client {
    server: Server,
    clock: Arc<VirtualClock>,
    truth: Arc<Mutex<Truth>>,
}

impl Client {
    async fn wait_until(&self, ms: u64) {
        use mainspring_server::outside::Clock;
        self.clock
            .sleep_until(BEGIN + Duration::from_millis(ms))
            .await;
    }

    /// Calls until there is an answer of either kind.
    async fn answer<T, F>(&self, call: impl Fn() -> F) -> Result<T, ServerError>
    where
        F: Future<Output = Result<T, ServerError>>,
    {
        loop {
            match call().await {
                Err(ServerError::Unavailable(_)) => tokio::time::sleep(AGAIN).await,
                answer => return answer,
            }
        }
    }

    async fn start(self, index: usize, start: Start) {
        self.wait_until(start.at).await;
        let request = start_request(index, &start);
        let call = || self.server.start_workflow(request.clone());
        let answer = self.answer(call).await;
        match &answer {
            Ok(started) => {
                self.truth.lock().started.insert(index, started.run_id);
                if start.again {
                    let again = self.answer(call).await;
                    let same = again.as_ref().is_ok_and(|a| a.run_id == started.run_id);
                    // Another start may have come in between: then it is refused, or
                    // it is told of that one.
                    if !same && start.conflict == Conflict::Terminate && again.is_ok() {
                        self.truth.lock().started.remove(&index);
                    }
                }
            }
            Err(ServerError::AlreadyStarted { .. }) => {}
            Err(error) => self.wrong(format!("a start is answered with: {error}")),
        }
        self.truth.lock().answered.insert((true, index));
    }

    async fn tell(self, index: usize, message: Message) {
        self.wait_until(message.at).await;
        let times = if message.again { 2 } else { 1 };
        for _ in 0..times {
            match self.tell_once(index, &message).await {
                Ok(()) | Err(ServerError::NotFound(_)) => {}
                Err(ServerError::QueryFailed { .. } | ServerError::FailedPrecondition(_))
                    if message.what == What::Query => {}
                Err(error) => self.wrong(format!("{:?} is answered with: {error}", message.what)),
            }
        }
        self.truth.lock().answered.insert((false, index));
    }

    async fn tell_once(&self, index: usize, message: &Message) -> Result<(), ServerError> {
        let target = Target {
            key: key(message.workflow),
            run_id: None,
            first_run_id: None,
        };
        let stop = || Stop {
            reason: "as planned".to_owned(),
            details: None,
            identity: "client".to_owned(),
        };
        match message.what {
            What::Signal => {
                self.truth.lock().signals.entry(index).or_insert(false);
                let sent = self
                    .answer(|| self.server.signal_workflow(target.clone(), signal(index)))
                    .await;
                if sent.is_ok() {
                    self.truth.lock().signals.insert(index, true);
                }
                sent
            }
            What::Cancel => {
                self.answer(|| self.server.request_cancel_workflow(target.clone(), stop()))
                    .await
            }
            What::Terminate => {
                self.answer(|| self.server.terminate_workflow(target.clone(), stop()))
                    .await
            }
            What::Update => self.update(index, &target).await,
            What::Query => self
                .answer(|| self.server.query_workflow(target.clone(), query()))
                .await
                .map(drop),
        }
    }

    /// Sends an update and waits for its outcome.
    async fn update(&self, index: usize, target: &Target) -> Result<(), ServerError> {
        loop {
            let sent = self
                .answer(|| {
                    self.server.update_workflow(
                        target.clone(),
                        update(index),
                        Stage::Completed,
                        UPDATE_WAIT,
                    )
                })
                .await?;
            if let Some(outcome) = sent.outcome {
                let rejected = matches!(outcome.value, Some(outcome::Value::Failure(_)));
                self.truth.lock().updates.insert(index, rejected);
                return Ok(());
            }
        }
    }

    async fn ask_to_cancel(&self, store: &ModelStore, run_id: RunId) {
        let key = store.look(|rows| rows.runs.get(&run_id).map(|row| row.key.clone()));
        let Some(key) = key else { return };
        let target = Target {
            key,
            run_id: Some(run_id),
            first_run_id: None,
        };
        let stop = Stop {
            reason: "the world ends".to_owned(),
            details: None,
            identity: "client".to_owned(),
        };
        // It may have ended just now.
        let _ = self
            .answer(|| {
                self.server
                    .request_cancel_workflow(target.clone(), stop.clone())
            })
            .await;
    }

    fn wrong(&self, what: String) {
        self.truth.lock().wrong.push(what);
    }
}

fn start_request(index: usize, start: &Start) -> StartWorkflow {
    StartWorkflow {
        key: key(start.workflow),
        workflow_type: "Simulated".into(),
        task_queue: "queue-0".into(),
        input: json(&start.program),
        header: None,
        memo: None,
        search_attributes: None,
        identity: "client".to_owned(),
        request_id: format!("start-{index}"),
        workflow_execution_timeout: None,
        workflow_run_timeout: start.timeout.map(Duration::from_millis),
        cron_schedule: String::new(),
        start_delay: start.delay.map(Duration::from_millis),
        workflow_task_timeout: None,
        reuse_policy: WorkflowIdReusePolicy::AllowDuplicate,
        conflict_policy: match start.conflict {
            Conflict::Fail => WorkflowIdConflictPolicy::Fail,
            Conflict::Use => WorkflowIdConflictPolicy::UseExisting,
            Conflict::Terminate => WorkflowIdConflictPolicy::TerminateExisting,
        },
        retry_policy: start.retried.then(|| RetryPolicy {
            initial_interval: Some(wire_duration(Duration::from_millis(200))),
            maximum_attempts: 3,
            ..RetryPolicy::default()
        }),
        user_metadata: None,
        priority: None,
    }
}

fn signal(index: usize) -> Signal {
    Signal {
        name: "tell".to_owned(),
        input: json(&index),
        header: None,
        identity: "client".to_owned(),
        request_id: format!("signal-{index}"),
    }
}

fn update(index: usize) -> update::Request {
    update::Request {
        meta: Some(update::Meta {
            update_id: format!("update-{index}"),
            identity: "client".to_owned(),
        }),
        input: Some(update::Input {
            name: "ask".to_owned(),
            args: json(&index),
            ..update::Input::default()
        }),
        ..update::Request::default()
    }
}

fn query() -> Query {
    Query {
        name: "heard".to_owned(),
        arguments: None,
        header: None,
        reject_condition: QueryRejectCondition::None,
    }
}

/// One JSON argument.
pub fn json(value: &impl serde::Serialize) -> Option<Payloads> {
    let data = serde_json::to_vec(value).ok()?;
    Some(Payloads {
        payloads: vec![Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data,
            ..Payload::default()
        }],
    })
}
