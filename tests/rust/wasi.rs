//! Workflows that a stock compiler built for WASI: what the standard library does is
//! what history tells.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mainspring_tests::{Calls, Server, component_of};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

const TARGET: &str = "wasm32-wasip2";
/// Waits for something that happens soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file that Cargo makes, as anyone would build it. `None`: this machine cannot have
/// the target (it comes from rustup, and has no package elsewhere).
fn built_by_cargo() -> Option<PathBuf> {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .expect("a compiler runs");
    let folder = String::from_utf8_lossy(&libraries.stdout).trim().to_owned();
    if !Path::new(&folder).is_dir() {
        eprintln!("not tested: Rust has no target {TARGET} here");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasi");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", TARGET])
        .current_dir(&source)
        .output()
        .expect("Cargo runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => source.join("target"),
    };
    Some(target.join(TARGET).join("release/wasi_kit.wasm"))
}

async fn start_server(file: &Path, flags: &[&str]) -> Server {
    let server = Server::start(flags).await;
    server.upload(file);
    server
}

fn kinds(history: &[HistoryEvent]) -> Vec<EventType> {
    history.iter().map(HistoryEvent::event_type).collect()
}

async fn result_of(calls: &Calls, workflow_type: &str, id: &str) -> (String, Vec<HistoryEvent>) {
    let run_id = calls.start(workflow_type, id).await.expect("it starts");
    result_at_its_end(calls, id, &run_id).await
}

async fn result_at_its_end(calls: &Calls, id: &str, run_id: &str) -> (String, Vec<HistoryEvent>) {
    let closed = calls.close_event(id, run_id).await;
    let history = calls.history(id, run_id).await.expect("a history");
    match closed.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(completed)) => {
            let payloads = completed.result.unwrap_or_default().payloads;
            let text = String::from_utf8_lossy(&payloads[0].data).into_owned();
            (text, history)
        }
        other => panic!("{id} did not complete: {other:?}"),
    }
}

/// What a blocked run says.
async fn blocked(calls: &Calls, workflow_type: &str) -> String {
    let id = workflow_type.to_lowercase();
    calls.start(workflow_type, &id).await.expect("it starts");
    let began = Instant::now();
    loop {
        let history = calls.history(&id, "").await.expect("a history");
        let failed = history.iter().find_map(|event| match &event.attributes {
            Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => failed.failure.clone(),
            _ => None,
        });
        if let Some(failure) = failed {
            return failure.message;
        }
        assert!(began.elapsed() < PATIENCE, "{id} is not blocked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_a_stock_compiler_runs_on_history() {
    let Some(file) = built_by_cargo() else {
        return;
    };
    // It reads a file, which no server has a meaning for.
    let plain = Server::start(&[]).await;
    let bytes = std::fs::read(&file).expect("Cargo wrote it");
    let (said, taken) = plain.try_upload(&bytes);
    assert!(!taken && said.contains("wasi:filesystem"), "{said}");

    // The builder takes the finished file as well as a folder.
    let stubbed = component_of(&file.to_string_lossy());
    let server = start_server(&stubbed, &["--log-level", "info"]).await;
    let evicting = start_server(
        &stubbed,
        &["--log-level", "info", "--evict-after-each-activation"],
    )
    .await;

    let (slept, history) = result_of(&server.calls(), "Sleeper", "sleeper").await;
    assert!(slept.starts_with("\"true "), "{slept}");
    let timers = kinds(&history);
    let fired = timers.iter().filter(|kind| **kind == EventType::TimerFired);
    assert_eq!(fired.count(), 3, "each sleep is a timer: {timers:?}");
    let (slept, replayed) = result_of(&evicting.calls(), "Sleeper", "sleeper").await;
    assert!(slept.starts_with("\"true "), "{slept}");
    assert_eq!(
        kinds(&replayed),
        timers,
        "the same history when it is replayed each time"
    );

    let log = server.log();
    for words in ["step 0 draws", "step 2 draws", "half a line"] {
        assert!(log.contains(words), "{words:?} is not in the log: {log}");
    }
    assert_eq!(
        evicting.log().matches("step 0 draws").count(),
        1,
        "what is printed in replay is not logged again"
    );

    for at in [&server, &evicting] {
        let calls = at.calls();
        let run_id = calls.start("Hearer", "hearer").await.expect("it starts");
        calls.signal("hearer", "hello").await.expect("it is open");
        let (heard, _) = result_at_its_end(&calls, "hearer", &run_id).await;
        assert_eq!(heard, "\"hello\"", "a signal waits for the end of a sleep");
    }
    let (found, _) = result_of(&server.calls(), "Asker", "asker").await;
    assert_eq!(found, "\"0 0 Some(0)\"");

    let calls = server.calls();
    let said = blocked(&calls, "Reader").await;
    assert!(
        said.contains("the workflow called wasi:filesystem/"),
        "{said}"
    );
    assert!(said.contains("in an activity"), "{said}");
    let said = blocked(&calls, "Exiter").await;
    assert!(said.contains("ended its program"), "{said}");
    let said = blocked(&calls, "Aborter").await;
    assert!(said.contains("there is a bug in the workflow"), "{said}");
}
