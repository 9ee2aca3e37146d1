//! SIGKILL of the server at random moments, with parents, children and signals
//! between workflows in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring_tests::{Calls, Server, component_of, json};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflowservice::v1::*;

/// A tree is a run with three children, each with three of its own.
const TREE: u64 = 13;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Starts a workflow until the server has acknowledged it: the same request ID each
/// time, so that there is one run however often it was asked (LIF-04).
async fn start(calls: &Calls, workflow_type: &str, id: &str, input: Value) -> String {
    loop {
        let request = StartWorkflowExecutionRequest {
            workflow_type: Some(workflow_type.to_owned().into()),
            input: Some(json(&input)),
            ..Calls::order(id, &format!("request-{id}"))
        };
        match calls.client().start_workflow_execution(request).await {
            Ok(started) => return started.into_inner().run_id,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Starts a tree, and whom its members report to by signals; answers both runs.
async fn plant(calls: Calls, name: String, pause_ms: u64) -> (String, String, String) {
    let collector = format!("collector-of-{name}");
    // It continues as new with every signal.
    let rolled = serde_json::json!({"want": TREE});
    let collecting = start(&calls, "Rolling", &collector, rolled).await;
    let tree = serde_json::json!({
        "depth": 2, "width": 3, "name": name, "report_to": collector, "pause_ms": pause_ms,
    });
    let growing = start(&calls, "Tree", &name, tree).await;
    (name, growing, collecting)
}

/// The result of a run, or of the last run of its chain.
async fn result(server: &Server, id: &str, run_id: &str) -> Value {
    let calls = server.calls();
    let mut run_id = run_id.to_owned();
    loop {
        let waiting = calls.close_event(id, &run_id);
        let close = tokio::time::timeout(Duration::from_secs(600), waiting).await;
        let close = close.unwrap_or_else(|_| panic!("{id} never ends: {}", server.log()));
        match close.attributes {
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a)) => {
                run_id = a.new_execution_run_id;
            }
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => {
                let payloads = a.result.unwrap_or_default().payloads;
                let result = &payloads.first().expect("a result").data;
                return serde_json::from_slice(result).expect("JSON");
            }
            other => panic!("{id} did not complete: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_and_16_children_start_once_and_signals_arrive_once_through_kills_of_the_server() {
    let kills = setting("MAINSPRING_CHILD_KILLS", 200);
    let seed = setting("MAINSPRING_SEED", rand::rng().random());
    println!("{kills} kills; repeat with MAINSPRING_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let mut server = Server::start(&[]).await;
    server.upload(&component_of("tests/workflows"));
    let calls = server.calls();
    let mut planted = Vec::new();
    for round in 0..kills {
        let pause_ms = random.random_range(1..400);
        let name = format!("tree-{round}");
        planted.push(tokio::spawn(plant(calls.clone(), name, pause_ms)));
        tokio::time::sleep(Duration::from_millis(random.random_range(5..250))).await;
        server.kill();
        server.restart().await;
    }

    for plant in planted {
        let (name, growing, collecting) = plant.await.expect("no start panics");
        assert_eq!(result(&server, &name, &growing).await, TREE, "{name}");
        let reported = result(&server, &format!("collector-of-{name}"), &collecting).await;
        let mut members = BTreeMap::<String, usize>::new();
        for member in reported.as_array().expect("a list") {
            *members
                .entry(member.as_str().expect("a name").to_owned())
                .or_default() += 1;
        }
        assert!(
            members.values().all(|times| *times == 1),
            "{name}: {members:?}"
        );
        assert_eq!(members.len() as u64, TREE, "{name}: {members:?}");
        let request = CountWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            query: format!("RootWorkflowId = '{name}'"),
        };
        let runs = calls.client().count_workflow_executions(request).await;
        assert_eq!(
            runs.expect("runs can be counted").into_inner().count,
            13,
            "{name}"
        );
        for member in members.keys() {
            let history = calls.history(member, "").await.expect("a history");
            check_history(member, &history);
        }
    }
}

/// No gap; each child that was asked for started once and closed once, each signal
/// was answered once.
fn check_history(id: &str, history: &[HistoryEvent]) {
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event.event_id, index as i64 + 1, "{id} has a gap");
    }
    let count = |kind: EventType| {
        let events = history.iter().filter(|event| event.event_type() == kind);
        events.count()
    };
    let children = count(EventType::StartChildWorkflowExecutionInitiated);
    assert_eq!(
        count(EventType::ChildWorkflowExecutionStarted),
        children,
        "{id}"
    );
    assert_eq!(
        count(EventType::ChildWorkflowExecutionCompleted),
        children,
        "{id}"
    );
    assert_eq!(
        count(EventType::ExternalWorkflowExecutionSignaled),
        1,
        "{id}"
    );
    assert_eq!(
        count(EventType::SignalExternalWorkflowExecutionInitiated),
        1,
        "{id}"
    );
}
