//! The official Rust SDK as client and as activity worker, with the kit's workflows.

// The attribute makes a constant of each activity for workflows written with the
// same SDK; ours are components.
#![allow(dead_code)]

use std::marker::PhantomData;
use std::time::Duration;

use futures::StreamExt;
use mainspring_tests::{Server, component_of};
use serde_json::{Value, json};
use temporalio_client::errors::{WorkflowGetResultError, WorkflowStartError};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, Url, WorkflowCancelOptions,
    WorkflowCountOptions, WorkflowDescribeOptions, WorkflowFetchHistoryOptions,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowListOptions, WorkflowQueryOptions,
    WorkflowSignalOptions, WorkflowStartOptions, WorkflowTerminateOptions,
};
use temporalio_common::error::IncomingError;
use temporalio_common::{
    HasWorkflowDefinition, QueryDefinition, SignalDefinition, WorkflowDefinition,
};
use temporalio_protos::temporal::api::enums::v1::{
    EventType, PendingActivityState, WorkflowExecutionStatus,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError, activities};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

/// Where the kit's workflows run their activities.
const QUEUE: &str = "kit";
/// How long a story may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workflow of the kit, as the client sees it.
struct Kit<Input, Output> {
    name: &'static str,
    types: PhantomData<fn(Input) -> Output>,
}

impl<Input, Output> Kit<Input, Output> {
    const fn new(name: &'static str) -> Self {
        let types = PhantomData;
        Self { name, types }
    }
}

const COLLECTOR: Kit<u64, Vec<Value>> = Kit::new("Collector");
const FAILER: Kit<String, Value> = Kit::new("Failer");
const ONE_ACTIVITY: Kit<Value, Value> = Kit::new("OneActivity");
const SLEEPER: Kit<u64, String> = Kit::new("Sleeper");
const UNKNOWN: Kit<u64, String> = Kit::new("Nothing");

macro_rules! define {
    ($($input:ty => $output:ty),*) => {$(
        impl WorkflowDefinition for Kit<$input, $output> {
            type Input = $input;
            type Output = $output;

            fn name(&self) -> &str {
                self.name
            }
        }

        impl HasWorkflowDefinition for Kit<$input, $output> {
            type Run = Self;
        }
    )*};
}

define!(u64 => Vec<Value>, String => Value, Value => Value, u64 => String);

type Collector = Kit<u64, Vec<Value>>;

/// The collector's signal.
struct Add;

impl SignalDefinition for Add {
    type Workflow = Collector;
    type Input = Value;

    fn name(&self) -> &str {
        "add"
    }
}

/// The collector's query, or one that it does not have.
struct Items(&'static str);

impl QueryDefinition for Items {
    type Workflow = Collector;
    type Input = ();
    type Output = Vec<Value>;

    fn name(&self) -> &str {
        self.0
    }
}

/// The kit's one activity.
struct KitActivities;

#[activities]
impl KitActivities {
    /// Does what its input says.
    #[activity(name = "Do")]
    async fn do_it(ctx: ActivityContext, call: Value) -> Result<Value, ActivityError> {
        match call["do"].as_str().unwrap_or_default() {
            "echo" => Ok(call["value"].clone()),
            "fail until" => {
                let attempt = u64::from(ctx.info().attempt);
                if attempt < call["attempt"].as_u64().unwrap_or_default() {
                    return Err(std::io::Error::other("not yet").into());
                }
                Ok(json!(attempt))
            }
            "heartbeat for ever" => loop {
                ctx.record_heartbeat("alive".to_owned()).await?;
                tokio::select! {
                    () = ctx.cancelled() => return Err(ActivityError::cancelled()),
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
            },
            "clean up" => Ok(json!("cleaned")),
            other => Err(std::io::Error::other(format!("cannot {other}")).into()),
        }
    }
}

/// A server with the kit, a client and a worker of it.
struct Stage {
    _server: Server,
    client: Client,
    worker: Worker,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with(&[]).await
    }

    async fn set_with(flags: &[&str]) -> Self {
        let server = Server::start(flags).await;
        server.upload(&component_of("tests/workflows"));
        let url: Url = format!("http://{}", server.address())
            .parse()
            .expect("an address makes a URL");
        let options = ConnectionOptions::new(url).build();
        let connection = Connection::connect(options).await.expect("it connects");
        let client =
            Client::new(connection, ClientOptions::new("default").build()).expect("a client");
        let runtime = Runtime::from_current_tokio(Default::default()).expect("a runtime");
        let options = WorkerOptions::new(QUEUE)
            .register_activities(KitActivities)
            .build();
        let worker = Worker::new(&runtime, client.clone(), options).expect("a worker");
        Self {
            _server: server,
            client,
            worker,
        }
    }

    /// Tells a story while the worker works.
    async fn play(mut self, story: impl AsyncFnOnce(&Client)) {
        let stop = self.worker.shutdown_handle();
        let client = self.client.clone();
        let told = async {
            let told = tokio::time::timeout(PATIENCE, story(&client)).await;
            told.expect("the story comes to its end");
            stop();
        };
        let (worked, ()) = tokio::join!(self.worker.run(), told);
        worked.expect("the worker ends well");
    }
}

async fn start<Input, Output>(
    client: &Client,
    workflow: Kit<Input, Output>,
    id: &str,
    input: Input,
) -> WorkflowHandle<Client, Kit<Input, Output>>
where
    Kit<Input, Output>: HasWorkflowDefinition<Input = Input, Output = Output>,
    Input: Send,
{
    let options = WorkflowStartOptions::new(QUEUE, id).build();
    let started = client.start_workflow(workflow, input, options).await;
    started.expect("the run starts")
}

async fn result<W: HasWorkflowDefinition>(
    run: &WorkflowHandle<Client, W>,
) -> Result<W::Output, WorkflowGetResultError> {
    run.get_result(WorkflowGetResultOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_signalled_queried_and_gives_its_result() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let run = start(client, COLLECTOR, "collector", 2).await;
            for item in ["a", "b"] {
                let options = WorkflowSignalOptions::default();
                run.signal(Add, json!(item), options).await.unwrap();
                let options = WorkflowQueryOptions::default();
                let items = run.query(Items("items"), (), options).await.unwrap();
                assert_eq!(items.last(), Some(&json!(item)));
            }
            assert_eq!(result(&run).await.unwrap(), [json!("a"), json!("b")]);
            let options = WorkflowQueryOptions::default();
            let refused = run.query(Items("nothing"), (), options).await;
            let refused = format!("{:?}", refused.unwrap_err());
            assert!(refused.contains("items"), "it names the queries: {refused}");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_03_an_open_run_keeps_its_id_and_an_unknown_type_is_refused() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let run = start(client, COLLECTOR, "taken", 1).await;
            let options = WorkflowStartOptions::new(QUEUE, "taken").build();
            let again = client.start_workflow(COLLECTOR, 1, options).await;
            let Err(WorkflowStartError::AlreadyStarted { run_id, .. }) = again else {
                panic!("the ID is taken")
            };
            assert_eq!(run_id.as_deref(), run.run_id());
            let options = WorkflowStartOptions::new(QUEUE, "unknown").build();
            let unknown = client.start_workflow(UNKNOWN, 1, options).await;
            let said = unknown.err().expect("nobody exports it").to_string();
            assert!(said.contains("mainspring component upload"), "{said}");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_21_a_failure_keeps_its_type_and_message() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let run = start(client, FAILER, "failer", "not today".to_owned()).await;
            let Err(WorkflowGetResultError::Failed(failure)) = result(&run).await else {
                panic!("the run fails")
            };
            let IncomingError::Application(failure) = *failure else {
                panic!("an application failure: {failure}")
            };
            assert_eq!(failure.type_name(), Some("Declined"));
            let message = failure.failure().map(|failure| failure.message.as_str());
            assert_eq!(message, Some("not today"));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_11_and_12_a_run_is_cancelled_or_terminated() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let asleep = start(client, SLEEPER, "cancelled", 600_000).await;
            let options = WorkflowCancelOptions::builder().reason("enough").build();
            asleep.cancel(options).await.unwrap();
            let cancelled = result(&asleep).await.unwrap_err();
            assert!(
                matches!(cancelled, WorkflowGetResultError::Cancelled { .. }),
                "{cancelled}"
            );
            let history = asleep.fetch_history(WorkflowFetchHistoryOptions::default());
            let events = history.into_events().await.unwrap();
            let cleaned = |kind| kind == EventType::ActivityTaskCompleted;
            assert!(events.iter().any(|event| cleaned(event.event_type())));
            let waiting = start(client, COLLECTOR, "terminated", 1).await;
            let options = WorkflowTerminateOptions::builder().reason("enough").build();
            waiting.terminate(options).await.unwrap();
            let terminated = result(&waiting).await.unwrap_err();
            assert!(
                matches!(terminated, WorkflowGetResultError::Terminated { .. }),
                "{terminated}"
            );
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vis_01_and_02_runs_are_listed_and_counted() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let mut ids: Vec<String> = (0..5).map(|n| format!("listed-{n}")).collect();
            for id in &ids {
                start(client, COLLECTOR, id, 1).await;
            }
            let query = "WorkflowType = 'Collector' AND ExecutionStatus = 'Running'";
            let listed = client.list_workflows(query, WorkflowListOptions::default());
            let listed: Vec<_> = listed.collect().await;
            let mut found: Vec<String> = listed
                .into_iter()
                .map(|run| run.unwrap().id().to_owned())
                .collect();
            found.sort();
            ids.sort();
            assert_eq!(found, ids);
            let counted = client.count_workflows(query, WorkflowCountOptions::default());
            assert_eq!(counted.await.unwrap().count(), 5);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn act_08_the_sdks_worker_serves_activities_and_their_retries() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let value = json!([1, {"täxt": null}]);
            let call = json!({"input": {"do": "echo", "value": value}});
            let run = start(client, ONE_ACTIVITY, "echo", call).await;
            assert_eq!(result(&run).await.unwrap(), value);
            let call = json!({"input": {"do": "fail until", "attempt": 3}});
            let run = start(client, ONE_ACTIVITY, "retried", call).await;
            assert_eq!(result(&run).await.unwrap(), json!(3));
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn act_14_a_heartbeating_activity_hears_of_the_cancel() {
    let stage = Stage::set().await;
    stage
        .play(async |client| {
            let call = json!({
                "input": {"do": "heartbeat for ever"},
                "heartbeat_ms": 500,
                "start_to_close_ms": 60_000,
            });
            let run = start(client, ONE_ACTIVITY, "heartbeats", call).await;
            loop {
                let described = run.describe(WorkflowDescribeOptions::default()).await;
                let described = described.unwrap().into_raw();
                let activities = described.pending_activities;
                if activities.iter().any(|activity| {
                    activity.state() == PendingActivityState::Started
                        && activity.last_heartbeat_time.is_some()
                }) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            run.cancel(WorkflowCancelOptions::default()).await.unwrap();
            let cancelled = result(&run).await.unwrap_err();
            assert!(
                matches!(cancelled, WorkflowGetResultError::Cancelled { .. }),
                "{cancelled}"
            );
            let described = run.describe(WorkflowDescribeOptions::default()).await;
            let info = described.unwrap().into_raw().workflow_execution_info;
            let status = info.expect("a run is described").status();
            assert_eq!(status, WorkflowExecutionStatus::Canceled);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_that_find_nothing_are_asked_again() {
    let stage = Stage::set_with(&["--history-poll", "1s", "--task-poll", "1s"]).await;
    stage
        .play(async |client| {
            let run = start(client, COLLECTOR, "collector", 1).await;
            let signalled = async {
                // Several polls of both kinds end empty meanwhile.
                tokio::time::sleep(Duration::from_millis(3_500)).await;
                let options = WorkflowSignalOptions::default();
                run.signal(Add, json!(1), options)
                    .await
                    .expect("it is taken");
            };
            let (result, ()) = tokio::join!(result(&run), signalled);
            assert_eq!(result.expect("a result"), [json!(1)]);
            let call = json!({"input": {"do": "echo", "value": 7}});
            let run = start(client, ONE_ACTIVITY, "activity", call).await;
            let echoed = self::result(&run).await;
            assert_eq!(echoed.expect("the worker polls still"), json!(7));
        })
        .await;
}
