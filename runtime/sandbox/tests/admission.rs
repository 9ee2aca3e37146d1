//! What is let in, what is not, and what the refused are told.

mod bench;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench::{Bench, limits};
use mainspring_engine::ids::Digest;
use mainspring_engine::limits::Limits;
use mainspring_sandbox::{Refusal, Sandbox, SandboxConfig};
use mainspring_test_guests::Guest;
use wit_component::ComponentEncoder;

fn sandbox_with(limits: Limits, cache_dir: Option<PathBuf>) -> Sandbox {
    Sandbox::new(SandboxConfig { limits, cache_dir }).expect("a sandbox can be set up")
}

async fn refusal(bytes: &[u8]) -> Refusal {
    let admitted = sandbox_with(limits(), None).admit(bytes.into()).await;
    admitted.expect_err("it is refused")
}

async fn refusal_of(text: &str) -> Refusal {
    refusal(&wat::parse_str(text).expect("the text is a component")).await
}

/// The order workflow as a component, built from source.
fn order_component() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--quiet",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .args(["-p", "order-workflow", "--message-format=json"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "is the target wasm32-unknown-unknown there? {}",
        String::from_utf8_lossy(&built.stderr)
    );
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let path = messages
        .split('"')
        .rfind(|word| word.ends_with("order_workflow.wasm"));
    let path = path.expect("cargo names the module");
    let module = std::fs::read(path).expect("the module can be read");
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .expect("the module is a component's")
}

#[tokio::test]
async fn files_that_are_no_component_are_told_what_they_are() {
    assert_eq!(refusal(b"#!/bin/sh").await, Refusal::NotWasm);
    assert_eq!(refusal_of("(module)").await, Refusal::CoreModule);
    let whole = wat::parse_str("(component (core module))").unwrap();
    let broken = refusal(&whole[..whole.len() - 3]).await;
    assert!(matches!(broken, Refusal::Invalid(_)), "{broken}");
}

#[tokio::test]
async fn a_file_over_the_limit_is_not_even_read() {
    let small = Limits {
        component_bytes: 100,
        ..limits()
    };
    let admitted = sandbox_with(small, None).admit(vec![0; 101].into()).await;
    let refusal = admitted.expect_err("it is too large");
    assert!(refusal.is_limit());
    assert!(
        refusal.to_string().contains("limit component-bytes"),
        "{refusal}"
    );
}

/// Expects a refusal of each import that names its function and says this.
async fn are_refused(imports: &[(&str, &str, &str)]) {
    for (import, function, hint) in imports {
        let text =
            format!(r#"(component (import "{import}" (instance (export "{function}" (func)))))"#);
        let refusal = refusal_of(&text).await;
        assert!(matches!(refusal, Refusal::Imports(_)), "{refusal}");
        let said = refusal.to_string();
        for part in [import, function, hint] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[tokio::test]
async fn imports_are_refused_by_name_with_what_to_do_instead() {
    are_refused(&[
        (
            "wasi:sockets/tcp@0.2.0",
            "connect",
            "make the call in an activity",
        ),
        ("wasi:filesystem/types@0.2.0", "open-at", "in an activity"),
        (
            "wasi:clocks/timezone@0.2.0",
            "display",
            "nothing in a history stands behind it",
        ),
        (
            "wasi:http/outgoing-handler@0.2.0",
            "handle",
            "make the call in an activity",
        ),
        (
            "wasi:cli/stdout@0.3.0",
            "get-stdout",
            "build for that release",
        ),
        ("wasi:thread-spawn/threads@0.1.0", "spawn", "on one thread"),
        (
            "wasi:random/random@0.2.0",
            "get-loaded-dice",
            "a later release of WASI",
        ),
        ("my:own/thing@1.0.0", "act", "do it in an activity"),
    ])
    .await;
}

#[tokio::test]
async fn parts_of_the_contract_that_are_not_served_or_not_known_are_named() {
    are_refused(&[
        (
            "mainspring:workflow/nexus@1.0.0",
            "start-nexus-operation",
            "does not serve it yet",
        ),
        (
            "mainspring:workflow/versions@1.0.0",
            "patched",
            "does not serve it yet",
        ),
        (
            "mainspring:workflow/nexus@1.0.0",
            "start-nexus-operation",
            "does not serve it yet",
        ),
        (
            "mainspring:workflow/telepathy@1.0.0",
            "guess",
            "does not serve it yet",
        ),
        (
            "mainspring:workflow/timers@1.0.0",
            "start-hourglass",
            "no such function",
        ),
        (
            "mainspring:workflow/timers@9.0.0",
            "start-timer",
            "version 1.0.0",
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_refused_import_of_a_component_is_named_at_once() {
    let text = r#"(component
        (import "wasi:sockets/tcp@0.2.0" (instance (export "connect" (func))))
        (import "wasi:filesystem/types@0.2.0" (instance (export "open-at" (func)))))"#;
    let said = refusal_of(text).await.to_string();
    for part in ["wasi:sockets/tcp", "wasi:filesystem/types"] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn a_component_without_the_exports_is_no_workflow() {
    let none = refusal_of("(component)").await;
    assert!(matches!(none, Refusal::Exports(_)), "{none}");
    let bench = Bench::new(limits());
    for export in ["describe", "run", "answer-queries"] {
        let absent = bench.refusal(&Guest::new("A").without(export)).await;
        assert!(
            matches!(&absent, Refusal::Exports(what) if what.contains(export)),
            "{absent}"
        );
    }
    for export in ["describe", "run"] {
        let mistyped = bench.refusal(&Guest::new("A").mistyped(export)).await;
        assert!(
            matches!(&mistyped, Refusal::Exports(what) if what.contains(export)),
            "{mistyped}"
        );
    }
}

#[tokio::test]
async fn a_component_that_needs_more_memory_than_a_run_may_have_is_refused() {
    let guest = Guest::new("Hungry").pages(4_000);
    let said = Bench::new(limits()).refusal(&guest).await.to_string();
    assert!(said.contains("run-memory-bytes"), "{said}");
}

#[tokio::test]
async fn a_compilation_over_its_time_is_answered_with_the_limit_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let hasty = Limits {
        compile_time: Duration::from_nanos(1),
        ..limits()
    };
    let sandbox = sandbox_with(hasty, Some(folder.path().to_owned()));
    for _ in 0..2 {
        let refusal = sandbox.admit(Guest::new("Slow").component().into()).await;
        let refusal = refusal.expect_err("it takes longer than a nanosecond");
        assert!(refusal.is_limit());
        let said = refusal.to_string();
        assert!(
            said.contains("limit compile-time") || refusal == Refusal::Busy,
            "{said}"
        );
    }
}

#[tokio::test]
async fn stored_bytes_that_are_not_what_was_uploaded_are_never_run() {
    let uploaded = Guest::new("A").component();
    let other = Guest::new("B").component();
    let loading = sandbox_with(limits(), None);
    let loaded = loading.load(Digest::of(&uploaded), other).await;
    let said = loaded.expect_err("the digests differ").to_string();
    assert!(said.contains("damaged"), "{said}");
}

#[tokio::test]
async fn a_workflow_is_admitted_described_and_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = order_component();
    let sandbox = || sandbox_with(limits(), Some(folder.path().join("code")));
    let first = sandbox().admit(bytes.clone().into()).await.unwrap();
    assert!(first.compile_time.is_some());
    let types: Vec<&str> = first
        .description
        .workflows
        .iter()
        .map(|workflow| workflow.workflow_type.as_str())
        .collect();
    assert_eq!(types, ["OrderWorkflow"]);

    let again = sandbox().admit(bytes.clone().into()).await.unwrap();
    assert_eq!(again.compile_time, None, "the code was on disk");
    assert_eq!(again.digest, first.digest);

    for file in std::fs::read_dir(folder.path().join("code")).unwrap() {
        let path = file.unwrap().path();
        let mut code = std::fs::read(&path).unwrap();
        let last = code.len() - 1;
        code[last] ^= 1;
        std::fs::write(&path, code).unwrap();
    }
    let damaged = sandbox().admit(bytes.into()).await.unwrap();
    assert!(damaged.compile_time.is_some(), "damaged code is never run");
}
