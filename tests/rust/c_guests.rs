//! Workflows in C and Zig, built from source by our own builder.

use std::process::Command;
use std::sync::{Arc, Mutex};

use mainspring_tests::{Calls, Ledger, Server, Worker, component_of};
use temporalio_protos::temporal::api::enums::v1::EventType;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;

/// Whether this machine has a compiler. `cargo xtask test` sees to it that it has.
fn has_compiler() -> bool {
    let runs = |program: &str, arguments: &[&str]| {
        let answer = Command::new(program).args(arguments).output();
        answer.is_ok_and(|answer| answer.status.success())
    };
    let has = runs("zig", &["version"]) || runs("python3", &["-m", "ziglang", "version"]);
    if !has {
        eprintln!("not tested: there is no Zig here (`pip install ziglang`)");
    }
    has
}

fn kinds(history: &[HistoryEvent]) -> Vec<EventType> {
    history.iter().map(HistoryEvent::event_type).collect()
}

async fn history_of_an_order(component: &str, flags: &[&str]) -> Vec<EventType> {
    let server = Server::start(flags).await;
    server.upload(&component_of(component));
    let calls = server.calls();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let _worker = Worker::start(&calls, 2, &ledger);
    let run_id = calls.start_order("order-1", "").await.expect("it starts");
    calls.close_event("order-1", &run_id).await;
    let answer = calls.query("order-1", "status").await.expect("it answers");
    assert_eq!(answer, "completed");
    kinds(&calls.history("order-1", &run_id).await.expect("a history"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_in_c_has_the_history_that_it_has_in_rust() {
    if !has_compiler() {
        return;
    }
    let rust = history_of_an_order("examples/order/workflow", &[]).await;
    let c = history_of_an_order("examples/order/c", &[]).await;
    assert_eq!(c, rust);
    let evicted = history_of_an_order("examples/order/c", &["--evict-after-each-activation"]).await;
    assert_eq!(evicted, rust);
}

/// What the command line says; it must succeed.
fn cli(server: &Server, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let (said, done) = server.cli(&words);
    assert!(done, "{line}: {said}");
    said
}

fn execute(server: &Server, workflow_type: &str, id: &str, input: &str) -> String {
    let mut words = vec![
        "workflow",
        "execute",
        "--type",
        workflow_type,
        "-w",
        id,
        "-t",
        "c",
    ];
    words.extend(["-i", input]);
    let (said, done) = server.cli(&words);
    assert!(done, "{id}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_in_c_hear_messages_by_callbacks_and_wait_by_blocking() {
    if !has_compiler() {
        return;
    }
    let component = component_of("tests/c");
    for flags in [&[][..], &["--evict-after-each-activation"]] {
        let server = Server::start(flags).await;
        server.upload(&component);
        messages(&server);
        let said = execute(&server, "CParent", "parent", "null");
        assert!(said.contains("\"hi\""), "{said}");
        let text = "a \\\"quoted\\\" line\\n\\u00e9\\ud83d\\ude00 \\\\ end";
        let said = execute(
            &server,
            "CTexts",
            "texts",
            &format!("{{\"x\":[1,{{}}],\"text\":\"{text}\"}}"),
        );
        assert!(said.contains("quoted") && said.contains("é😀"), "{said}");
        let said = execute(&server, "CMany", "many", "500");
        assert!(said.contains("500"), "{said}");
    }
    let server = Server::start(&[]).await;
    server.upload(&component);
    breaks(&server.calls(), &server).await;
}

fn messages(server: &Server) {
    cli(
        server,
        "workflow start --type CCounter -w counter -t c -i 5",
    );
    cli(server, "workflow signal -w counter --name add -i 7");
    let said = cli(server, "workflow query -w counter --name total");
    assert!(said.contains("12"), "{said}");
    let said = cli(
        server,
        "workflow update execute -w counter --name set -i 20",
    );
    assert!(said.contains("12"), "{said}");
    let (said, done) = server.cli(&[
        "workflow",
        "update",
        "execute",
        "-w",
        "counter",
        "--name",
        "set",
        "--input=-1",
    ]);
    assert!(!done && said.contains("a total is not negative"), "{said}");
    let said = cli(
        server,
        "workflow update execute -w counter --name setLater -i 30",
    );
    assert!(said.contains('1'), "{said}");
    let (said, done) = server.cli(&["workflow", "query", "-w", "counter", "--name", "other"]);
    assert!(!done && said.contains("no such query"), "{said}");
    cli(server, "workflow signal -w counter --name add -i 3");
    cli(server, "workflow signal -w counter --name finish -i null");
    let said = cli(server, "workflow result -w counter");
    assert!(said.contains("33"), "{said}");
}

async fn breaks(calls: &Calls, server: &Server) {
    calls.start("CBreaks", "breaks").await.expect("it starts");
    for _ in 0..100 {
        let (said, _) = server.cli(&["workflow", "describe", "-w", "breaks"]);
        if said.contains("there is a bug in the workflow") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the blocked run does not say why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_in_zig_is_built_on_the_same_header() {
    if !has_compiler() {
        return;
    }
    let server = Server::start(&[]).await;
    server.upload(&component_of("examples/trial-reminder/zig"));
    let (said, done) = server.cli(&["component", "list", "-o", "json"]);
    assert!(done && said.contains("TrialReminderWorkflow"), "{said}");
    let (said, done) = server.cli(&[
        "workflow",
        "execute",
        "--type",
        "TrialReminderWorkflow",
        "-w",
        "bad",
        "-t",
        "c",
        "-i",
        "5",
    ]);
    assert!(!done && said.contains("a trial is a user"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_in_c_builds_as_it_is() {
    if !has_compiler() {
        return;
    }
    let parent = tempfile::tempdir().expect("a folder can be made");
    let folder = parent.path().join("greeting");
    let server = Server::start(&[]).await;
    let parent = parent.path().to_string_lossy().into_owned();
    let (said, done) = server.cli(&["new", "--language", "c", "greeting", "--parent", &parent]);
    assert!(done, "{said}");
    let folder = folder.to_string_lossy().into_owned();
    let (said, done) = server.cli(&["component", "upload", "--language", "c", &folder]);
    assert!(done && said.contains("GreetingWorkflow"), "{said}");
}
