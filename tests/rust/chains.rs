//! Chains of runs whose code does what no SDK would do, and chains across versions.

use std::time::Duration;

use mainspring_test_guests::{Description, Guest};
use mainspring_tests::{Calls, Server};
use temporalio_protos::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus as Status};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflow::v1::WorkflowExecutionInfo;
use temporalio_protos::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, StartWorkflowExecutionRequest,
};

fn upload(server: &Server, guest: &Guest) {
    let (said, taken) = server.try_upload(&guest.component());
    assert!(taken, "{said}");
}

async fn info(calls: &Calls, id: &str) -> WorkflowExecutionInfo {
    let described = calls.describe(id).await.expect("a run can be described");
    described.workflow_execution_info.unwrap_or_default()
}

fn run_id(info: &WorkflowExecutionInfo) -> String {
    info.execution.clone().unwrap_or_default().run_id
}

/// Waits until the latest run is another one than `before`.
async fn next_run(calls: &Calls, id: &str, before: &str) -> String {
    loop {
        let latest = run_id(&info(calls, id).await);
        if latest != before {
            return latest;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The component that completed the first task of a run.
async fn digest_of(calls: &Calls, id: &str, run_id: &str) -> String {
    loop {
        let history = calls.history(id, run_id).await.expect("a history");
        let digest = history.iter().find_map(|event| match &event.attributes {
            #[allow(deprecated)] // Its old meaning is just what we record.
            Some(Attributes::WorkflowTaskCompletedEventAttributes(a)) => {
                Some(a.binary_checksum.clone())
            }
            _ => None,
        });
        match digest {
            Some(digest) => return digest,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A run that waits for a signal and then goes on as another.
fn rolling(description: Description) -> Guest {
    Guest::described(description).run("(drop (call $next)) (call $continue_as_new)")
}

#[tokio::test(flavor = "multi_thread")]
async fn ver_04_and_09_a_pinned_chain_stays_and_another_goes_to_the_current_version() {
    let server = Server::start(&[]).await;
    let calls = server.calls();
    let pinned = || Description::of(&["Pinned"]);
    let upgrading = || Description::of(&["Upgrading"]).upgrades_on_continue_as_new();
    for description in [pinned(), upgrading()] {
        upload(&server, &rolling(description));
    }
    let mut firsts = Vec::new();
    for id in ["Pinned", "Upgrading"] {
        let first = calls.start(id, id).await.expect("it starts");
        firsts.push((id, first.clone(), digest_of(&calls, id, &first).await));
    }
    // Other code of the same types: it completes at once.
    for description in [pinned(), upgrading()] {
        upload(&server, &Guest::described(description));
    }
    for (id, first, own) in firsts {
        calls.signal(id, "go").await.expect("it is open");
        let next = next_run(&calls, id, &first).await;
        let digest = digest_of(&calls, id, &next).await;
        let stays = id == "Pinned";
        assert_eq!(digest == own, stays, "{id}");
        let status = info(&calls, id).await.status();
        let expected = if stays {
            Status::Running
        } else {
            Status::Completed
        };
        assert_eq!(status, expected, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_never_waits_holds_nobody_up_and_can_be_ended() {
    let server = Server::start(&[]).await;
    let calls = server.calls();
    let endless = Guest::new("Endless").run("(call $continue_as_new)");
    upload(&server, &endless);
    upload(&server, &Guest::new("Quick"));
    let first = calls.start("Endless", "endless").await.expect("it starts");
    for number in 0..20 {
        let id = format!("quick-{number}");
        let run_id = calls.start("Quick", &id).await.expect("it starts");
        let close = calls.close_event(&id, &run_id).await;
        assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    }
    assert_ne!(run_id(&info(&calls, "endless").await), first);
    calls.terminate("endless").await.expect("it is always open");
    assert_eq!(info(&calls, "endless").await.status(), Status::Terminated);
    let count = async |query: &str| {
        let request = CountWorkflowExecutionsRequest {
            namespace: "default".to_owned(),
            query: query.to_owned(),
        };
        let counted = calls.client().count_workflow_executions(request).await;
        counted.expect("runs can be counted").into_inner().count
    };
    let all = count("WorkflowId = 'endless'").await;
    let went_on = count("WorkflowId = 'endless' AND ExecutionStatus = 'ContinuedAsNew'").await;
    assert_eq!(
        all,
        went_on + 1,
        "each run but the last has gone on as another"
    );
    assert!(all > 20, "{all} runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn msg_03_a_signal_that_comes_while_the_code_runs_is_heard_before_it_goes_on() {
    // The first task takes longer than a slice; the signal comes in behind its batch.
    let server = Server::start(&["--event-cpu", "20s"]).await;
    let calls = server.calls();
    let busy = "(local.set $h (i64.const 0))
        (loop $more (br_if $more (i64.lt_u
          (local.tee $h (i64.add (local.get $h) (i64.const 1)))
          (i64.const 1500000000))))";
    let heard = "(if (call $take) (then (return (i32.const 16))))";
    let guest = Guest::new("Busy").run(&format!("{heard} {busy} (call $continue_as_new)"));
    upload(&server, &guest);
    let first = calls.start("Busy", "busy").await.expect("it starts");
    calls.signal("busy", "stop").await.expect("it is open");
    let close = calls.close_event("busy", &first).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    let history = calls.history("busy", &first).await.expect("a history");
    let failed = history
        .iter()
        .filter(|event| event.event_type() == EventType::WorkflowTaskFailed);
    assert_eq!(failed.count(), 1, "the first attempt had not heard it");
}

#[tokio::test(flavor = "multi_thread")]
async fn tim_02_and_03_what_is_held_back_begins_on_time_after_a_kill() {
    let mut server = Server::start(&[]).await;
    let calls = server.calls();
    upload(&server, &Guest::new("Quick"));
    let second = prost_wkt_types::Duration {
        seconds: 1,
        nanos: 0,
    };
    let delayed = StartWorkflowExecutionRequest {
        workflow_start_delay: Some(second),
        ..quick("delayed")
    };
    let cron = StartWorkflowExecutionRequest {
        cron_schedule: "@every 1s".to_owned(),
        ..quick("cron")
    };
    let mut firsts = Vec::new();
    for request in [delayed, cron] {
        let id = request.workflow_id.clone();
        let started = calls.client().start_workflow_execution(request).await;
        firsts.push((id, started.expect("it starts").into_inner().run_id));
    }
    server.kill();
    server.restart().await;
    for (id, first) in firsts {
        let close = calls.close_event(&id, &first).await;
        assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
        let history = calls.history(&id, &first).await.expect("a history");
        let at = |index: usize| {
            let time = history[index].event_time.expect("events have their times");
            i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
        };
        assert!(at(1) > at(0), "{id} began at once");
        let wait = at(1) - at(0);
        let asked = if id == "delayed" { 1_000_000_000 } else { 1 };
        assert!(wait >= asked, "{id} began after {wait} ns");
    }
    // The series goes on.
    let before = run_id(&info(&calls, "cron").await);
    next_run(&calls, "cron", &before).await;
    calls.terminate("cron").await.expect("it is always open");
}

fn quick(id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        workflow_type: Some("Quick".to_owned().into()),
        ..Calls::order(id, "")
    }
}
