//! A database that turns read-only while the server runs.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_test_guests::Guest;
use mainspring_tests::{Ledger, Server, Worker, component_of};
use temporalio_protos::temporal::api::enums::v1::EventType;
use tonic::{Code, Status};

use super::disk::{recorded_signals, waiting};
use super::volume::Volume;

/// Room for a database and its log.
const VOLUME_BYTES: u64 = 64 * 1024 * 1024;
/// Waits for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run that sleeps for two seconds and completes.
fn sleeper() -> Guest {
    Guest::new("Sleeper").run("(drop (call $timer (i64.const 2000000000))) (drop (call $next))")
}

/// A server on the volume with a run that waits and has one signal.
async fn server_on(volume: &Volume) -> Server {
    let server = Server::start_on(Some(volume.database()), &[]).await;
    for guest in [waiting(), sleeper()] {
        let (text, uploaded) = server.try_upload(&guest.component());
        assert!(uploaded, "{text}");
    }
    let calls = server.calls();
    calls
        .start("Waiting", "waiting")
        .await
        .expect("a start is taken");
    calls
        .signal("waiting", "s")
        .await
        .expect("a signal is taken");
    server
}

/// An error that says what is wrong and what to do.
fn says_what_to_do(refused: &Status) {
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    for words in ["cannot be written", "file system writable"] {
        assert!(refused.message().contains(words), "{refused}");
    }
}

/// What writes is refused, what reads goes on and has what was acknowledged.
async fn refuses_writes_and_serves_reads(server: &Server, acknowledged: usize) {
    let calls = server.calls();
    // The second finds a connection that was made anew.
    for _ in 0..2 {
        let refused = calls.signal("waiting", "s").await;
        says_what_to_do(&refused.expect_err("it cannot be recorded"));
        let refused = calls.start("Waiting", "another").await;
        says_what_to_do(&refused.expect_err("it cannot be recorded"));
    }
    let (text, uploaded) = server.try_upload(&Guest::new("Other").component());
    assert!(!uploaded && text.contains("cannot be written"), "{text}");
    let missing = calls.describe("another").await;
    let missing = missing.expect_err("what was refused has left nothing");
    assert_eq!(missing.code(), Code::NotFound, "{missing}");
    calls.describe("waiting").await.expect("reads go on");
    assert!(recorded_signals(&calls).await >= acknowledged);
    let (text, listed) = server.cli(&["workflow", "list"]);
    assert!(listed && text.contains("waiting"), "{text}");
}

/// The database and its log, which cannot be changed until this is dropped, not even
/// by root.
struct Immutable(Vec<PathBuf>);

impl Immutable {
    fn make(volume: &Volume) -> Option<Self> {
        let database = volume.database();
        let log = PathBuf::from(format!("{}-wal", database.display()));
        let files = Self(vec![database, log]);
        let made = files.change("+i");
        if !made {
            eprintln!("SKIPPED: files cannot be made immutable here; run this test as root");
        }
        made.then_some(files)
    }

    fn change(&self, how: &str) -> bool {
        let changed = Command::new("chattr").arg(how).args(&self.0).status();
        changed.is_ok_and(|status| status.success())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        assert!(self.change("-i"), "the files can be changed again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_turns_read_only_is_named_and_the_server_goes_on_when_it_is_writable() {
    let Some(volume) = Volume::ext4(VOLUME_BYTES) else {
        return;
    };
    let mut server = server_on(&volume).await;
    let calls = server.calls();
    let sleeper = calls.start("Sleeper", "sleeper").await;
    let sleeper = sleeper.expect("a start is taken");
    let Some(immutable) = Immutable::make(&volume) else {
        return;
    };
    refuses_writes_and_serves_reads(&server, 1).await;
    // The timer is due by now, and cannot fire.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let described = calls.describe("sleeper").await.expect("reads go on");
    let info = described.workflow_execution_info.unwrap_or_default();
    assert_eq!(info.status, 1, "it still runs: {info:?}");

    drop(immutable);
    let closed = tokio::time::timeout(PATIENCE, calls.close_event("sleeper", &sleeper)).await;
    let closed = closed.expect("nobody has to wake it");
    assert_eq!(closed.event_type(), EventType::WorkflowExecutionCompleted);
    calls
        .signal("waiting", "s")
        .await
        .expect("it can be written again");
    calls
        .start("Waiting", "another")
        .await
        .expect("it can be written again");
    assert_eq!(recorded_signals(&calls).await, 2);
    server.kill();
    server.restart().await;
    assert_eq!(recorded_signals(&calls).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_through_a_time_in_which_nothing_can_be_written() {
    const ORDERS: usize = 40;
    let Some(volume) = Volume::ext4(VOLUME_BYTES) else {
        return;
    };
    let server = Server::start_on(Some(volume.database()), &[]).await;
    server.upload(&component_of("examples/order/workflow"));
    let calls = server.calls();
    let mut orders = Vec::new();
    for order in 0..ORDERS {
        let id = format!("order-{order}");
        let run_id = calls.start_order(&id, "").await.expect("an order starts");
        orders.push((id, run_id));
    }
    // One poll: they are not done at once.
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let completed = || ledger.lock().expect("no poll panics").completed();
    let _worker = Worker::start(&calls, 1, &ledger);
    while completed() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Some(immutable) = Immutable::make(&volume) else {
        return;
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = completed();
    assert!(before < 5 * ORDERS, "orders are on their way");
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(completed(), before, "nothing is acknowledged");
    drop(immutable);
    for (id, run_id) in &orders {
        let closed = tokio::time::timeout(PATIENCE, calls.close_event(id, run_id)).await;
        let closed = closed.expect("it goes on by itself");
        assert_eq!(closed.event_type(), EventType::WorkflowExecutionCompleted);
    }
    let ledger = ledger.lock().expect("no poll panics");
    assert!(ledger.violations().is_empty(), "{:#?}", ledger.violations());
    assert_eq!(ledger.completed(), 5 * ORDERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_meets_an_error_keeps_what_was_acknowledged() {
    let Some(volume) = Volume::ext4(VOLUME_BYTES) else {
        return;
    };
    let mut server = server_on(&volume).await;
    let calls = server.calls();
    for _ in 0..100 {
        calls
            .signal("waiting", "s")
            .await
            .expect("a signal is taken");
    }
    if !volume.break_down() {
        eprintln!("SKIPPED: the kernel cannot be asked for an error of a file system");
        return;
    }
    refuses_writes_and_serves_reads(&server, 101).await;
    server.kill();
    assert!(volume.repair(), "it can be checked and mounted again");
    server.restart().await;
    assert_eq!(recorded_signals(&calls).await, 101);
    calls
        .signal("waiting", "s")
        .await
        .expect("it can be written again");
}
