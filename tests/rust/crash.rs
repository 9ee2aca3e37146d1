//! SIGKILL of the server at random moments under load.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_tests::{Calls, Ledger, ORDER_ACTIVITIES, Server, Worker, component_of};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

/// Orders started in each round between two kills.
const ORDERS_PER_ROUND: usize = 4;

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Starts an order until the server has acknowledged it: the same request ID each
/// time, so that there is one run however often it was asked (LIF-04).
async fn start_until_acknowledged(calls: Calls, id: String) -> (String, String) {
    loop {
        match calls.start_order(&id, &format!("request-{id}")).await {
            Ok(run_id) => return (id, run_id),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_done_twice_through_kills_of_the_server() {
    let kills = setting("MAINSPRING_KILLS", 200);
    let seed = setting("MAINSPRING_SEED", rand::rng().random());
    println!("{kills} kills; repeat with MAINSPRING_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let mut server = Server::start(&[]).await;
    server.upload(&component_of("examples/order/workflow"));
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let worker = Worker::start(&calls, 4, &ledger);

    let mut starts = Vec::new();
    for round in 0..kills {
        for order in 0..ORDERS_PER_ROUND {
            let id = format!("order-{round}-{order}");
            starts.push(tokio::spawn(start_until_acknowledged(calls.clone(), id)));
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(5..250))).await;
        server.kill();
        server.restart().await;
    }

    let mut runs = HashMap::new();
    for start in starts {
        let (id, run_id) = start.await.expect("no start panics");
        runs.insert(id, run_id);
    }
    println!("{} orders acknowledged", runs.len());
    for (id, run_id) in &runs {
        let waiting = calls.close_event(id, run_id);
        let close = tokio::time::timeout(Duration::from_secs(600), waiting).await;
        let close = close.unwrap_or_else(|_| panic!("{id} never ends: {}", server.log()));
        assert_eq!(
            close.event_type(),
            EventType::WorkflowExecutionCompleted,
            "{id}"
        );
    }
    drop(worker);
    for (id, run_id) in &runs {
        let history = calls
            .history(id, run_id)
            .await
            .expect("histories can be read");
        check_history(id, &history);
        // The code is gone with the run: an answer means that its whole history
        // was replayed and gave the recorded commands.
        let status = calls
            .query(id, "status")
            .await
            .expect("closed runs can be queried");
        assert_eq!(status, serde_json::json!("completed"), "{id}");
    }
    let ledger = ledger.lock().expect("no poll panics");
    assert!(ledger.violations().is_empty(), "{:#?}", ledger.violations());
    println!("{} activities completed", ledger.completed());
}

fn check_history(id: &str, history: &[HistoryEvent]) {
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event.event_id, index as i64 + 1, "{id} has a gap");
    }
    let scheduled: Vec<&str> = history
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(a)) => {
                a.activity_type.as_ref().map(|t| t.name.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(scheduled, ORDER_ACTIVITIES, "{id}");
    let completed = history
        .iter()
        .filter(|event| event.event_type() == EventType::ActivityTaskCompleted)
        .count();
    assert_eq!(completed, ORDER_ACTIVITIES.len(), "{id}");
}
