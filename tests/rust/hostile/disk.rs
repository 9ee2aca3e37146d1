//! A disk that is full, a file that cannot be written.

use mainspring_test_guests::Guest;
use mainspring_tests::{Calls, Server};
use temporalio_protos::temporal::api::enums::v1::EventType;
use tonic::Code;

use super::volume::Volume;

/// A run that waits for a cancel request and takes signals meanwhile.
pub(crate) fn waiting() -> Guest {
    Guest::new("Waiting").run("(loop $on (br_if $on (i32.eq (call $next) (i32.const 2))))")
}

/// Signals until one is refused; how many were acknowledged, and the refusal.
async fn signal_until_refused(calls: &Calls) -> (usize, tonic::Status) {
    for taken in 0..10_000 {
        if let Err(status) = calls.signal("waiting", "s").await {
            return (taken, status);
        }
    }
    panic!("the disk is never full");
}

pub(crate) async fn recorded_signals(calls: &Calls) -> usize {
    let history = calls.history("waiting", "").await.expect("a history");
    let signals = history
        .iter()
        .filter(|event| event.event_type() == EventType::WorkflowExecutionSignaled);
    signals.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_it_cannot_keep_and_goes_on_when_there_is_room() {
    let Some(disk) = Volume::in_memory("8M") else {
        return;
    };
    let mut server = Server::start_on(Some(disk.database()), &[]).await;
    let (text, uploaded) = server.try_upload(&waiting().component());
    assert!(uploaded, "{text}");
    let calls = server.calls();
    calls
        .start("Waiting", "waiting")
        .await
        .expect("a start is taken");
    calls
        .signal("waiting", "s")
        .await
        .expect("a signal is taken");

    let filler = disk.fill();
    let (taken, refused) = signal_until_refused(&calls).await;
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert!(refused.message().contains("free disk space"), "{refused}");
    let started = calls.start("Waiting", "another").await;
    let refused = started.expect_err("there is no room for it");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    let seen = recorded_signals(&calls).await;
    assert!(seen > taken, "reads go on, and have what was acknowledged");

    std::fs::remove_file(filler).expect("the filler can be removed");
    calls
        .signal("waiting", "s")
        .await
        .expect("there is room again");
    calls
        .start("Waiting", "another")
        .await
        .expect("there is room again");
    let acknowledged = taken + 2;
    assert!(recorded_signals(&calls).await >= acknowledged);
    server.kill();
    server.restart().await;
    assert!(recorded_signals(&calls).await >= acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_cannot_be_written_is_named_at_the_start() {
    let Some(disk) = Volume::in_memory("8M") else {
        return;
    };
    let mut server = Server::start_on(Some(disk.database()), &[]).await;
    server.stop();
    assert!(
        disk.run("mount", &["-o", "remount,ro"]),
        "it can be made read-only"
    );
    let file = disk.database();
    let file = file.to_string_lossy();
    let (text, started) = server.cli(&["dev", "--port", "0", "--db-filename", &file]);
    assert!(!started, "{text}");
    assert!(text.contains(&*file), "{text}");
    assert!(text.contains("Read-only file system"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_named_at_the_start() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("notes.db");
    std::fs::write(&file, "no database".repeat(1_000)).expect("a file can be written");
    let name = file.to_string_lossy();
    let (text, started) = server.cli(&["dev", "--port", "0", "--db-filename", &name]);
    assert!(!started, "{text}");
    assert!(
        text.contains("cannot open the database") && text.contains(&*name),
        "{text}"
    );
    let kept = std::fs::read(&file).expect("the file is still there");
    assert!(kept.starts_with(b"no database"), "it is left alone");
}
