//! SIGKILL of the server at random moments while chains of runs are on their way:
//! continue-as-new, retries, and signals to whichever run is the latest.

use std::collections::BTreeSet;
use std::time::Duration;

use mainspring_tests::{Calls, Server, component_of, execution, json, task_queue};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json as value};
use temporalio_protos::temporal::api::common::v1::RetryPolicy;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflowservice::v1::*;

/// Chains of each kind started in each round between two kills.
const CHAINS_PER_ROUND: usize = 3;
/// Runs that follow the first of a chain.
const LINKS: usize = 12;
/// The attempt that succeeds.
const ATTEMPTS: usize = 4;
/// Signals to each subscription.
const SIGNALS: u64 = 30;
/// No chain takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

fn start(id: &str, workflow_type: &str, inputs: &[Value]) -> StartWorkflowExecutionRequest {
    let mut input = json(&Value::Null);
    input.payloads = inputs
        .iter()
        .flat_map(|argument| json(argument).payloads)
        .collect();
    StartWorkflowExecutionRequest {
        workflow_type: Some(workflow_type.to_owned().into()),
        task_queue: Some(task_queue("kit")),
        input: Some(input),
        ..Calls::order(id, &format!("request-{id}"))
    }
}

/// Asks again until the server has acknowledged it; the request ID makes one chain
/// of it however often it was asked (LIF-04). Answers with the chain's first run.
async fn until_started(calls: Calls, request: StartWorkflowExecutionRequest) -> String {
    loop {
        match calls
            .client()
            .start_workflow_execution(request.clone())
            .await
        {
            Ok(started) => return started.into_inner().run_id,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn until_signalled(calls: &Calls, id: &str, name: &str, input: Option<&Value>, key: &str) {
    let request = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id, ""),
        signal_name: name.to_owned(),
        input: input.map(json),
        request_id: format!("{id}-{key}"),
        ..SignalWorkflowExecutionRequest::default()
    };
    while calls
        .client()
        .signal_workflow_execution(request.clone())
        .await
        .is_err()
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A subscription that is told every number, then its end.
async fn subscription(calls: Calls, id: String) -> (String, String) {
    let request = start(&id, "Subscription", &[value!(4), value!([])]);
    let first = until_started(calls.clone(), request).await;
    for number in 0..SIGNALS {
        let key = number.to_string();
        until_signalled(&calls, &id, "add", Some(&value!(number)), &key).await;
    }
    // The end may be recorded and its acknowledgement lost: a closed chain is no
    // reason to try again for ever.
    let end = until_signalled(&calls, &id, "end", None, "end");
    let _ = tokio::time::timeout(Duration::from_secs(10), end).await;
    (id, first)
}

/// The runs of a chain, from its first on: each one's history.
async fn runs_of(calls: &Calls, id: &str, first: &str) -> Vec<(String, Vec<HistoryEvent>)> {
    let mut runs = Vec::new();
    let mut run_id = first.to_owned();
    loop {
        let waiting = calls.close_event(id, &run_id);
        let close = tokio::time::timeout(PATIENCE, waiting).await;
        let close = close.unwrap_or_else(|_| panic!("{id} {run_id} never ends"));
        let history = calls.history(id, &run_id).await.expect("a history");
        runs.push((run_id.clone(), history));
        match successor(&close) {
            next if next.is_empty() => return runs,
            next => run_id = next,
        }
    }
}

fn successor(close: &HistoryEvent) -> String {
    match close.attributes.clone() {
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => {
            a.new_execution_run_id
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(a)) => a.new_execution_run_id,
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => a.new_execution_run_id,
        other => panic!("a run ended otherwise: {other:?}"),
    }
}

/// Gapless, linked in both directions, and nothing besides it.
async fn check(calls: &Calls, id: &str, runs: &[(String, Vec<HistoryEvent>)]) {
    let mut before = String::new();
    for (run_id, history) in runs {
        for (index, event) in history.iter().enumerate() {
            assert_eq!(event.event_id, index as i64 + 1, "{id} {run_id} has a gap");
        }
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
            &history[0].attributes
        else {
            panic!("{id} {run_id} begins with {:?}", history[0]);
        };
        assert_eq!(started.continued_execution_run_id, before, "{id}");
        assert_eq!(started.first_execution_run_id, runs[0].0, "{id}");
        before.clone_from(run_id);
    }
    for (status, expected) in [("", runs.len()), (" AND ExecutionStatus = 'Running'", 0)] {
        let request = CountWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            query: format!("WorkflowId = '{id}'{status}"),
        };
        let counted = calls.client().count_workflow_executions(request).await;
        let count = counted.expect("runs can be counted").into_inner().count;
        assert_eq!(usize::try_from(count), Ok(expected), "{id}{status}");
    }
}

fn result(history: &[HistoryEvent]) -> Value {
    match history.last().and_then(|event| event.attributes.clone()) {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => {
            let data = a.result.expect("a result").payloads[0].data.clone();
            serde_json::from_slice(&data).expect("results are JSON")
        }
        other => panic!("the chain ended otherwise: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_13_chains_have_no_gap_no_fork_and_lose_no_signal_through_kills_of_the_server() {
    let kills = setting("MAINSPRING_KILLS", 25);
    let seed = setting("MAINSPRING_SEED", rand::rng().random());
    println!("{kills} kills; repeat with MAINSPRING_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let mut server = Server::start(&[]).await;
    server.upload(&component_of("tests/workflows"));
    let calls = server.calls();
    let (mut chains, mut retried, mut subscribed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..kills {
        for number in 0..CHAINS_PER_ROUND {
            let id = |kind: &str| format!("{kind}-{round}-{number}");
            let sleep_ms = random.random_range(0..10);
            let link = value!({"left": LINKS, "sleep_ms": sleep_ms});
            let chain = id("chain");
            let request = start(&chain, "Chain", &[link]);
            chains.push((chain, tokio::spawn(until_started(calls.clone(), request))));
            let flaky = id("flaky");
            let request = StartWorkflowExecutionRequest {
                retry_policy: Some(RetryPolicy {
                    initial_interval: Some(prost_wkt_types::Duration {
                        seconds: 0,
                        nanos: 20_000_000,
                    }),
                    ..RetryPolicy::default()
                }),
                ..start(&flaky, "Flaky", &[value!({"until": ATTEMPTS})])
            };
            retried.push((flaky, tokio::spawn(until_started(calls.clone(), request))));
        }
        let told = subscription(calls.clone(), format!("subscription-{round}"));
        subscribed.push(tokio::spawn(told));
        tokio::time::sleep(Duration::from_millis(random.random_range(5..250))).await;
        server.kill();
        server.restart().await;
    }

    for (id, first) in chains {
        let runs = runs_of(&calls, &id, &first.await.expect("no start panics")).await;
        assert_eq!(runs.len(), LINKS + 1, "{id}");
        check(&calls, &id, &runs).await;
        assert_eq!(result(&runs[LINKS].1)["done"], value!(LINKS), "{id}");
    }
    for (id, first) in retried {
        let runs = runs_of(&calls, &id, &first.await.expect("no start panics")).await;
        assert_eq!(runs.len(), ATTEMPTS, "{id}");
        check(&calls, &id, &runs).await;
        assert_eq!(
            result(&runs[ATTEMPTS - 1].1)["attempt"],
            value!(ATTEMPTS),
            "{id}"
        );
    }
    for told in subscribed {
        let (id, first) = told.await.expect("no signal panics");
        let runs = runs_of(&calls, &id, &first).await;
        check(&calls, &id, &runs).await;
        let heard = result(&runs[runs.len() - 1].1);
        let heard: BTreeSet<u64> = serde_json::from_value(heard).expect("numbers");
        assert_eq!(heard, (0..SIGNALS).collect(), "{id}");
    }
}
