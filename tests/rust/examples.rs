//! The examples beside the order, played over the real binary with their own workers
//! and driven by our own command line.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use mainspring_tests::{Calls, Server, WorkerProcess, component_of, execution, json, task_queue};
use serde_json::json as value;
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::workflowservice::v1::*;

/// A week.
const TRIAL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A server, an example's component on it, and the example's worker.
struct Stage {
    server: Server,
    calls: Calls,
    worker: &'static str,
    database: PathBuf,
    _folder: tempfile::TempDir,
    _worker: WorkerProcess,
}

impl Stage {
    async fn approval() -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| component_of("examples/approval/workflow"));
        Self::set(component, "order-worker").await
    }

    async fn trial() -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| component_of("examples/trial-reminder/workflow"));
        Self::set(component, "trial-reminder-worker").await
    }

    async fn trip(worker_flags: &[&str]) -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| component_of("examples/saga/workflow"));
        Self::set_with(component, "trip-worker", worker_flags).await
    }

    async fn subscription() -> Self {
        static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
        let component = COMPONENT.get_or_init(|| component_of("examples/subscription/workflow"));
        Self::set(component, "subscription-worker").await
    }

    async fn set(component: &Path, worker: &'static str) -> Self {
        Self::set_with(component, worker, &[]).await
    }

    async fn set_with(component: &Path, worker: &'static str, flags: &[&str]) -> Self {
        let server = Server::start(&[]).await;
        server.upload(component);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let database = folder.path().join("worker.db");
        Self {
            _worker: WorkerProcess::start(worker, &server, "stage", &database, flags),
            calls: server.calls(),
            server,
            worker,
            database,
            _folder: folder,
        }
    }

    /// Runs our command line and expects that it succeeds.
    fn cli(&self, arguments: &[&str]) -> String {
        let (text, done) = self.server.cli(arguments);
        assert!(done, "{arguments:?}: {text}");
        text
    }

    fn start(&self, workflow_type: &str, workflow_id: &str, input: &str) {
        let arguments = ["workflow", "start", "--type", workflow_type];
        let more = ["--workflow-id", workflow_id, "--task-queue", "stage"];
        self.cli(&[&arguments[..], &more[..], &["--input", input]].concat());
    }

    fn approve(&self, workflow_id: &str, signal: &str) {
        let arguments = ["workflow", "signal", "--workflow-id", workflow_id];
        self.cli(&[&arguments[..], &["--name", "approval", "--input", signal]].concat());
    }

    async fn close(&self, workflow_id: &str) -> HistoryEvent {
        self.calls.close_event(workflow_id, "").await
    }

    async fn history(&self, workflow_id: &str) -> Vec<HistoryEvent> {
        let history = self.calls.history(workflow_id, "").await;
        history.expect("the run has a history")
    }

    /// Waits until the run's history has an event of this type.
    async fn wait_for(&self, workflow_id: &str, kind: EventType) -> HistoryEvent {
        loop {
            let history = self.history(workflow_id).await;
            let event = history.into_iter().find(|event| event.event_type() == kind);
            if let Some(event) = event {
                return event;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn status(&self, workflow_id: &str) -> serde_json::Value {
        let answer = self.calls.query(workflow_id, "status").await;
        answer.expect("the query is answered")
    }

    fn report(&self) -> String {
        WorkerProcess::report(self.worker, &self.database)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_order_is_charged_once() {
    let stage = Stage::approval().await;
    stage.start("ApprovalWorkflow", "order-123", r#""order-123""#);
    assert_eq!(stage.status("order-123").await, "waiting for approval");
    assert!(stage.report().contains(" charges: 0\n"));
    let yes = r#"{"Approved":true,"Reason":"manual approval completed"}"#;
    stage.approve("order-123", yes);
    let close = stage.close("order-123").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    assert_eq!(stage.status("order-123").await, "charged");
    let report = stage.report();
    assert!(report.contains(" charge requests: 1\n"), "{report}");
    assert!(report.contains(" charges: 1\n"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_21_a_rejected_order_fails_with_the_reason_and_is_not_charged() {
    let stage = Stage::approval().await;
    stage.start("ApprovalWorkflow", "order-123", r#""order-123""#);
    stage.approve("order-123", r#"{"Approved":false,"Reason":"over budget"}"#);
    let close = stage.close("order-123").await;
    let Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) = close.attributes else {
        panic!("the run must fail: {close:?}")
    };
    let failure = failed.failure.expect("a failed run says why");
    assert_eq!(failure.message, "approval rejected");
    let Some(FailureInfo::ApplicationFailureInfo(info)) = failure.failure_info else {
        panic!("an application failure: {failure:?}")
    };
    assert_eq!(info.r#type, "ApprovalRejected");
    let details = info.details.expect("the reason is a detail").payloads;
    assert_eq!(details[0].data, br#""over budget""#);
    assert_eq!(stage.status("order-123").await, "rejected");
    assert!(stage.report().contains(" charge requests: 0\n"));
}

/// Sends an approval until there is a run to take it.
async fn approve_as_soon_as_it_exists(calls: Calls, workflow_id: String) {
    let approval = value!({"Approved": true, "Reason": "early"});
    let request = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(&workflow_id, ""),
        signal_name: "approval".to_owned(),
        input: Some(json(&approval)),
        // Whoever comes first, it counts once.
        request_id: workflow_id,
        ..SignalWorkflowExecutionRequest::default()
    };
    let mut client = calls.client();
    while let Err(status) = client.signal_workflow_execution(request.clone()).await {
        assert_eq!(status.code(), tonic::Code::NotFound, "{status}");
        if status.message().contains("completed") {
            return;
        }
    }
}

/// Starts a run while eight callers send it the approval; whether one of them was
/// earlier than the first line.
async fn is_approved_before_its_first_line(stage: &Stage, workflow_id: &str) -> bool {
    let early: Vec<_> = (0..8)
        .map(|_| approve_as_soon_as_it_exists(stage.calls.clone(), workflow_id.to_owned()))
        .map(tokio::spawn)
        .collect();
    let request = StartWorkflowExecutionRequest {
        workflow_type: Some("ApprovalWorkflow".to_owned().into()),
        task_queue: Some(task_queue("stage")),
        input: Some(json(&value!(workflow_id))),
        ..Calls::order(workflow_id, "")
    };
    let mut client = stage.calls.client();
    let started = client.start_workflow_execution(request).await;
    started.expect("the run starts");
    for approval in early {
        approval.await.expect("the approval is sent");
    }
    let close = stage.close(workflow_id).await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    let history = stage.history(workflow_id).await;
    let kinds: Vec<EventType> = history.iter().map(HistoryEvent::event_type).collect();
    let place = |kind| kinds.iter().position(|other| *other == kind);
    let signals = kinds
        .iter()
        .filter(|kind| **kind == EventType::WorkflowExecutionSignaled);
    assert_eq!(signals.count(), 1, "{kinds:?}");
    place(EventType::WorkflowExecutionSignaled) < place(EventType::WorkflowTaskStarted)
}

#[tokio::test(flavor = "multi_thread")]
async fn msg_01_an_approval_that_comes_before_the_first_line_is_not_lost() {
    let stage = Stage::approval().await;
    for runs in 1..=500 {
        if is_approved_before_its_first_line(&stage, &format!("order-{runs}")).await {
            let report = stage.report();
            assert!(report.contains(&format!(" charges: {runs}\n")), "{report}");
            return;
        }
    }
    panic!("no approval in 500 was early enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_11_a_cancel_ends_the_wait_for_an_approval_and_nothing_is_charged() {
    let mut stage = Stage::approval().await;
    stage.start("ApprovalWorkflow", "order-123", r#""order-123""#);
    assert_eq!(stage.status("order-123").await, "waiting for approval");
    stage.server.kill();
    stage.server.restart().await;
    stage.cli(&["workflow", "cancel", "--workflow-id", "order-123"]);
    let close = stage.close("order-123").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCanceled);
    let late = ["workflow", "signal", "--workflow-id", "order-123"];
    let (text, sent) = stage
        .server
        .cli(&[&late[..], &["--name", "approval"]].concat());
    assert!(!sent, "a closed run takes no approval: {text}");
    assert!(stage.report().contains(" charge requests: 0\n"));
}

/// When an event happened.
fn time(event: &HistoryEvent) -> SystemTime {
    let time = event.event_time.expect("an event has a time");
    SystemTime::try_from(time).expect("a time of this era")
}

async fn a_trial_whose_server_dies_asleep(trial_seconds: u64, down: Duration) {
    let mut stage = Stage::trial().await;
    let input = value!({"UserID": "user-456", "TrialSeconds": trial_seconds});
    stage.start("TrialReminderWorkflow", "trial", &input.to_string());
    let asleep = stage.wait_for("trial", EventType::TimerStarted).await;
    assert_eq!(stage.report(), "welcome: user-456\n");
    stage.server.kill();
    tokio::time::sleep(down).await;
    stage.server.restart().await;
    let close = stage.close("trial").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    let awake = stage.wait_for("trial", EventType::TimerFired).await;
    let slept = time(&awake).duration_since(time(&asleep));
    let trial = Duration::from_secs(trial_seconds);
    assert!(slept.is_ok_and(|slept| slept >= trial), "it slept its time");
    let history = stage.history("trial").await;
    let timers = history
        .iter()
        .filter(|event| event.event_type() == EventType::TimerStarted);
    assert_eq!(timers.count(), 1, "the sleep is not begun anew");
    assert_eq!(
        stage.report(),
        "welcome: user-456\ntrial ending: user-456\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tim_01_a_sleep_goes_on_in_the_next_server() {
    a_trial_whose_server_dies_asleep(5, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tim_01_a_sleep_that_ended_while_the_server_was_down_ends_at_its_start() {
    a_trial_whose_server_dies_asleep(1, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tim_01_a_week_is_pending_through_restarts() {
    let mut stage = Stage::trial().await;
    stage.start("TrialReminderWorkflow", "trial", r#""user-456""#);
    let asleep = stage.wait_for("trial", EventType::TimerStarted).await;
    let before = stage.history("trial").await;
    for _ in 0..2 {
        stage.server.kill();
        stage.server.restart().await;
    }
    assert_eq!(stage.history("trial").await, before, "nothing has happened");
    assert_eq!(before.last(), Some(&asleep), "it sleeps");
    let Some(Attributes::TimerStartedEventAttributes(timer)) = asleep.attributes else {
        panic!("a timer")
    };
    let length = timer.start_to_fire_timeout.expect("a timer has a length");
    assert_eq!(Duration::try_from(length), Ok(TRIAL));
    let described = stage.cli(&["workflow", "describe", "--workflow-id", "trial"]);
    assert!(
        described.contains("RUNNING") || described.contains("Running"),
        "{described}"
    );
    let shown = stage.cli(&["workflow", "show", "--workflow-id", "trial"]);
    assert!(shown.contains("TimerStarted"), "{shown}");
    stage.cli(&["workflow", "cancel", "--workflow-id", "trial"]);
    let close = stage.close("trial").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCanceled);
    assert_eq!(stage.report(), "welcome: user-456\n", "no second mail");
}

impl Stage {
    fn start_trip(&self, destination: &str) {
        let input = value!({"TripID": "trip-1", "Destination": destination});
        self.start("TripWorkflow", "trip-1", &input.to_string());
    }

    /// Waits until the trip is at this step.
    async fn trip_is(&self, step: &str) {
        while self.status("trip-1").await != step {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many activities of this type were asked for.
    async fn scheduled(&self, activity: &str) -> usize {
        let is_one = |event: &HistoryEvent| match &event.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => scheduled
                .activity_type
                .as_ref()
                .is_some_and(|t| t.name == activity),
            _ => false,
        };
        let history = self.history("trip-1").await;
        history.iter().filter(|event| is_one(event)).count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_trip_stays_booked_through_a_crash() {
    let mut stage = Stage::trip(&[]).await;
    stage.start_trip("Lisbon");
    stage.trip_is("waiting for the traveller").await;
    stage.server.kill();
    stage.server.restart().await;
    stage.cli(&[
        "workflow",
        "signal",
        "--workflow-id",
        "trip-1",
        "--name",
        "confirm",
    ]);
    let close = stage.close("trip-1").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    assert_eq!(
        stage.report(),
        "trip-1: hotel booked\ntrip-1: flight booked\ntrip-1: payment booked\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trip_without_a_flight_gives_the_hotel_back() {
    let stage = Stage::trip(&[]).await;
    stage.start_trip("Atlantis");
    let close = stage.close("trip-1").await;
    let Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) = close.attributes else {
        panic!("the trip must fail: {close:?}")
    };
    let cause = failed.failure.and_then(|failure| failure.cause);
    let cause = cause.expect("a failed activity says why");
    assert_eq!(cause.message, "no flight goes to Atlantis");
    assert_eq!(stage.status("trip-1").await, "undone");
    assert_eq!(
        stage.report(),
        "trip-1: hotel undone\ntrip-1: flight never made\n"
    );
    assert_eq!(
        stage.scheduled("BookFlight").await,
        1,
        "it is not tried again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_09_a_cancelled_trip_undoes_its_bookings_also_across_a_crash() {
    let mut stage = Stage::trip(&[]).await;
    stage.start_trip("Lisbon");
    stage.trip_is("waiting for the traveller").await;
    stage.cli(&["workflow", "cancel", "--workflow-id", "trip-1"]);
    stage.server.kill();
    stage.server.restart().await;
    let close = stage.close("trip-1").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCanceled);
    assert_eq!(
        stage.report(),
        "trip-1: hotel undone\ntrip-1: flight undone\n"
    );
    for undo in ["CancelHotel", "CancelFlight"] {
        assert_eq!(stage.scheduled(undo).await, 1, "{undo}");
    }
    assert_eq!(stage.scheduled("ChargeCard").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_09_a_booking_that_was_on_its_way_at_the_cancel_leaves_nothing_behind() {
    let stage = Stage::trip(&["--step-time-ms", "1500"]).await;
    stage.start_trip("Lisbon");
    stage.trip_is("booking the hotel").await;
    while stage.calls.running_activities("trip-1").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.cli(&["workflow", "cancel", "--workflow-id", "trip-1"]);
    let close = stage.close("trip-1").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCanceled);
    // The attempt goes on in its worker, and finds that it comes too late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let report = stage.report();
    assert!(
        report == "trip-1: hotel never made\n" || report == "trip-1: hotel undone\n",
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_10_a_batch_works_a_thousand_children_off_in_a_window() {
    let server = Server::start(&[]).await;
    server.upload(&component_of("examples/batch/workflow"));
    let input = r#"{"records":1000,"window":20}"#;
    let start = [
        "workflow",
        "start",
        "--type",
        "BatchWorkflow",
        "--workflow-id",
        "batch-1",
    ];
    let (text, started) =
        server.cli(&[&start[..], &["--task-queue", "batch", "--input", input]].concat());
    assert!(started, "{text}");
    let calls = server.calls();
    let close = calls.close_event("batch-1", "").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCompleted);
    // The closed run answers: its whole history was replayed.
    let progress = calls
        .query("batch-1", "progress")
        .await
        .expect("a query is answered");
    assert_eq!(
        progress,
        value!({"started": 1_000, "done": 990, "failed": 10})
    );
    let history = calls.history("batch-1", "").await.expect("a history");
    let mut open = 0_i32;
    for event in &history {
        match event.event_type() {
            EventType::StartChildWorkflowExecutionInitiated => open += 1,
            EventType::ChildWorkflowExecutionCompleted
            | EventType::ChildWorkflowExecutionFailed => open -= 1,
            _ => {}
        }
        assert!((0..=20).contains(&open), "no more than the window at once");
    }
    let (text, drawn) = server.cli(&[
        "workflow",
        "trace",
        "--workflow-id",
        "batch-1",
        "--depth",
        "1",
    ]);
    assert!(
        drawn && text.contains("batch-1/999 (ProcessRecord) Failed"),
        "{text}"
    );
}

impl Stage {
    /// Starts a subscription with periods of a second, of which a run has two.
    fn subscribe(&self, customer_id: &str) {
        let input = value!({
            "CustomerID": customer_id, "Plan": {"Name": "basic", "Cents": 500},
            "PeriodSeconds": 1, "PeriodsPerRun": 2,
        });
        self.start("SubscriptionWorkflow", customer_id, &input.to_string());
    }

    /// Waits until so many periods are paid; the subscription then.
    async fn paid(&self, customer_id: &str, periods: u64) -> serde_json::Value {
        loop {
            let state = self.calls.query(customer_id, "state").await;
            let state = state.expect("the query is answered");
            if state["PeriodsPaid"].as_u64() >= Some(periods) {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for another plan; what the command line says, and whether it was taken.
    fn change_plan(&self, customer_id: &str, plan: &str) -> (String, bool) {
        let update = [
            "workflow",
            "update",
            "execute",
            "--workflow-id",
            customer_id,
        ];
        let more = ["--name", "change_plan", "--input", plan];
        self.server.cli(&[&update[..], &more[..]].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_13_a_subscription_is_charged_once_a_period_through_runs_and_a_crash() {
    let mut stage = Stage::subscription().await;
    stage.subscribe("customer-1");
    stage.paid("customer-1", 3).await;
    stage.server.kill();
    stage.server.restart().await;
    let (said, changed) = stage.change_plan("customer-1", r#"{"Name":"large","Cents":900}"#);
    assert!(changed, "{said}");
    let (said, changed) = stage.change_plan("customer-1", r#"{"Name":"free","Cents":0}"#);
    assert!(!changed && said.contains("has no price"), "{said}");
    let so_far = stage.paid("customer-1", 3).await["PeriodsPaid"].as_u64();
    stage
        .paid("customer-1", so_far.unwrap_or_default() + 2)
        .await;
    let end = ["workflow", "signal", "--workflow-id", "customer-1"];
    stage.cli(&[&end[..], &["--name", "end"]].concat());
    // A signal goes to whichever run there is.
    let ended = loop {
        let close = stage.close("customer-1").await;
        match close.attributes {
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(a)) => break a.result,
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_)) => {}
            other => panic!("it must complete: {other:?}"),
        }
    };
    let ended = ended.expect("it answers what it was").payloads;
    let ended: serde_json::Value = serde_json::from_slice(&ended[0].data).expect("JSON");
    let report = stage.report();
    let lines: Vec<&str> = report.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let period = format!("customer-1: period {} ", index + 1);
        assert!(line.starts_with(&period), "each period once: {report}");
        assert!(line.ends_with(" paid"), "nothing is paid back: {report}");
    }
    assert!(report.contains(" 500 cents ") && report.contains(" 900 cents "));
    assert_eq!(ended["PeriodsPaid"], lines.len(), "{report}");
    assert!(lines.len() >= 5, "{report}");
    // Two periods a run, and no run that is longer.
    let history = stage.history("customer-1").await;
    assert!(history.len() < 40, "{} events", history.len());
    let started = history[0].attributes.clone();
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = started else {
        panic!("a history begins with its start")
    };
    assert_ne!(
        started.first_execution_run_id,
        started.original_execution_run_id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lif_11_a_cancelled_subscription_pays_the_period_back() {
    let stage = Stage::subscription().await;
    let input = value!({
        "CustomerID": "customer-1", "Plan": {"Name": "basic", "Cents": 500},
        "PeriodSeconds": 3_600,
    });
    stage.start("SubscriptionWorkflow", "customer-1", &input.to_string());
    stage.paid("customer-1", 1).await;
    stage.cli(&["workflow", "cancel", "--workflow-id", "customer-1"]);
    let close = stage.close("customer-1").await;
    assert_eq!(close.event_type(), EventType::WorkflowExecutionCanceled);
    assert_eq!(stage.report(), "customer-1: period 1 500 cents paid back\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn wf_21_a_declined_card_ends_the_subscription_with_the_reason() {
    let stage = Stage::subscription().await;
    stage.subscribe("broke");
    let close = stage.close("broke").await;
    let Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) = close.attributes else {
        panic!("the run must fail: {close:?}")
    };
    let cause = failed.failure.and_then(|failure| failure.cause);
    let cause = cause.expect("a failed activity says why");
    assert_eq!(cause.message, "the card has no cover");
    assert_eq!(stage.report(), "broke: period 1 0 cents never paid\n");
}
