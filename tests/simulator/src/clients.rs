//! Clients: they start workflows and tell them things, and call again where there was
//! no answer.

use std::sync::Arc;
use std::time::Duration;

use mainspring_engine::ids::RunId;
use mainspring_engine::time::wire_duration;
use mainspring_server::{Query, Server, ServerError, Signal, StartWorkflow, StartedWorkflow};
use mainspring_server::{Stop, Target, WithStartError};
use parking_lot::Mutex;
use simulated_program::COLOR;
use temporalio_protos::temporal::api::common::v1::{
    Memo, Payload, Payloads, RetryPolicy, SearchAttributes,
};
use temporalio_protos::temporal::api::enums::v1::{
    QueryRejectCondition, UpdateWorkflowExecutionLifecycleStage as Stage, WorkflowIdConflictPolicy,
    WorkflowIdReusePolicy,
};
use temporalio_protos::temporal::api::update::v1::{self as update, outcome};

use crate::clock::VirtualClock;
use crate::plan::{Conflict, Message, Opening, Start, What};
use crate::store::{ModelStore, key};
use crate::world::{BEGIN, Truth};

/// A call that was not answered is tried again after this long.
const AGAIN: Duration = Duration::from_millis(40);
/// One call waits so long for an update.
const UPDATE_WAIT: Duration = Duration::from_secs(10);
/// The numbers of messages that come with starts begin here.
const OPENINGS: usize = 1_000;

/// Somebody who calls the server, and calls again where there was no answer.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) truth: Arc<Mutex<Truth>>,
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

    pub(crate) async fn start(self, index: usize, start: Start) {
        self.wait_until(start.at).await;
        let answer = self.start_once(index, &start).await;
        match &answer {
            Ok(run_id) => {
                self.truth.lock().started.insert(index, *run_id);
                if start.again {
                    let again = self.start_once(index, &start).await;
                    let same = again.as_ref().is_ok_and(|again| again == run_id);
                    // Another start may have come in between: then it is refused, or
                    // it is told of that one.
                    if !same && start.conflict == Conflict::Terminate && again.is_ok() {
                        self.truth.lock().started.remove(&index);
                    }
                }
            }
            Err(ServerError::AlreadyStarted { .. }) => {}
            // The run ended before it could take what came with the start.
            Err(ServerError::NotFound(_)) if start.opens == Some(Opening::Update) => {}
            Err(error) => self.wrong(format!("a start is answered with: {error}")),
        }
        self.truth.lock().answered.insert((true, index));
    }

    /// The run that a start has led to.
    async fn start_once(&self, index: usize, start: &Start) -> Result<RunId, ServerError> {
        let request = start_request(index, start);
        let number = OPENINGS + index;
        let started = match start.opens {
            None => {
                let call = || self.server.start_workflow(request.clone());
                self.answer(call).await?
            }
            Some(Opening::Signal) => {
                self.truth.lock().signals.entry(number).or_insert(false);
                let call = || {
                    let signal = signal(number);
                    self.server.signal_with_start(request.clone(), signal)
                };
                let started = self.answer(call).await?;
                self.truth.lock().signals.insert(number, true);
                started
            }
            Some(Opening::Update) => self.update_with_start(number, &request).await?,
        };
        Ok(started.run_id)
    }

    /// Starts with an update and waits for its outcome.
    async fn update_with_start(
        &self,
        number: usize,
        start: &StartWorkflow,
    ) -> Result<StartedWorkflow, ServerError> {
        loop {
            let call = || async {
                let update = update(number);
                let server = &self.server;
                let sent =
                    server.update_with_start(start.clone(), update, Stage::Completed, UPDATE_WAIT);
                sent.await.map_err(|refused| match refused {
                    WithStartError::Start(error) | WithStartError::Update(error) => error,
                })
            };
            let (started, sent) = self.answer(call).await?;
            if let Some(outcome) = sent.outcome {
                self.note_outcome(number, &outcome);
                return Ok(started);
            }
        }
    }

    pub(crate) async fn tell(self, index: usize, message: Message) {
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
                self.note_outcome(index, &outcome);
                return Ok(());
            }
        }
    }

    pub(crate) async fn ask_to_cancel(&self, store: &ModelStore, run_id: RunId) {
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

    fn note_outcome(&self, number: usize, outcome: &update::Outcome) {
        let rejected = matches!(outcome.value, Some(outcome::Value::Failure(_)));
        self.truth.lock().updates.insert(number, rejected);
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
        memo: start.marked.then(|| Memo {
            fields: [("begun".to_owned(), json_payload(&index, ""))].into(),
        }),
        search_attributes: start.marked.then(|| SearchAttributes {
            indexed_fields: [(COLOR.to_owned(), json_payload(&"color-0", "Keyword"))].into(),
        }),
        identity: "client".to_owned(),
        request_id: format!("start-{index}"),
        workflow_execution_timeout: start.lasts.map(Duration::from_millis),
        workflow_run_timeout: start.timeout.map(Duration::from_millis),
        cron_schedule: start.cron.map(every).unwrap_or_default(),
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

/// The cron schedule of every so many seconds.
fn every(seconds: u64) -> String {
    format!("@every {seconds}s")
}

/// One JSON argument.
pub fn json(value: &impl serde::Serialize) -> Option<Payloads> {
    Some(Payloads {
        payloads: vec![json_payload(value, "")],
    })
}

/// A JSON payload; `type_name` is its search attribute's, where it is one.
fn json_payload(value: &impl serde::Serialize, type_name: &str) -> Payload {
    let mut payload = Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: serde_json::to_vec(value).unwrap_or_default(),
        ..Payload::default()
    };
    if !type_name.is_empty() {
        let type_name = type_name.as_bytes().to_vec();
        payload.metadata.insert("type".to_owned(), type_name);
    }
    payload
}
