//! SIGKILL of an ordinary worker in the middle of each of the five activities.

use std::path::Path;
use std::time::Duration;

use mainspring_tests::{Calls, ORDER_ACTIVITIES, Server, WorkerProcess, component_of, task_queue};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

/// How long an activity of the worker takes.
const STEP_TIME_MS: u64 = 800;

fn start_worker(server: &Server, queue: &str, shop: &Path) -> WorkerProcess {
    let step_time = STEP_TIME_MS.to_string();
    WorkerProcess::start(
        "order-worker",
        server,
        queue,
        shop,
        &["--step-time-ms", &step_time],
    )
}

/// Waits until the activity of this type is running.
async fn wait_until_running(calls: &Calls, workflow_id: &str, activity: &str) {
    loop {
        let pending = calls.running_activities(workflow_id).await;
        if pending.iter().any(|running| running == activity) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One order on a queue of its own, whose worker dies in the given activity.
async fn order_whose_worker_dies_in(server: &Server, activity: &str) {
    let calls = server.calls();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let shop = folder.path().join("shop.db");
    let id = format!("order-{activity}");
    let queue = format!("orders-{activity}");
    let worker = start_worker(server, &queue, &shop);
    let mut request = Calls::order(&id, "");
    request.task_queue = Some(task_queue(&queue));
    let started = calls.client().start_workflow_execution(request).await;
    let run_id = started.expect("an order starts").into_inner().run_id;
    wait_until_running(&calls, &id, activity).await;
    drop(worker);
    let _worker = start_worker(server, &queue, &shop);
    let close = calls.close_event(&id, &run_id).await;
    assert_eq!(
        close.event_type(),
        EventType::WorkflowExecutionCompleted,
        "{id}"
    );
    for event in calls.history(&id, &run_id).await.expect("a history") {
        if let Some(Attributes::ActivityTaskStartedEventAttributes(started)) = &event.attributes {
            let scheduled = started.scheduled_event_id;
            assert!(
                started.attempt <= 2,
                "activity {scheduled} of {id}: {started:?}"
            );
        }
    }
    let report = WorkerProcess::report("order-worker", &shop);
    assert!(report.contains(" charges: 1\n"), "{id}: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn act_02_a_worker_that_dies_in_any_activity_is_replaced_and_the_charge_happens_once() {
    let server = Server::start(&[]).await;
    server.upload(&component_of("examples/order/workflow"));
    // Each waits for its dead attempt's timeout of a minute: all at the same time.
    let [a, b, c, d, e] =
        ORDER_ACTIVITIES.map(|activity| order_whose_worker_dies_in(&server, activity));
    tokio::join!(a, b, c, d, e);
}
