//! What is let in, what is not, and what the refused are told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mainspring_engine::limits::Limits;
use mainspring_sandbox::{Refusal, Sandbox, SandboxConfig};
use wit_component::ComponentEncoder;

fn limits() -> Limits {
    Limits {
        live_instances: 10,
        event_cpu: Duration::from_millis(200),
        ..Limits::default()
    }
}

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

#[tokio::test]
async fn imports_are_refused_by_name_with_what_to_do_instead() {
    for (import, function, hint) in [
        (
            "wasi:sockets/tcp@0.2.0",
            "connect",
            "make the call in an activity",
        ),
        ("wasi:filesystem/types@0.2.0", "open-at", "in an activity"),
        (
            "wasi:cli/environment@0.2.0",
            "get-environment",
            "pass the value in its input",
        ),
        (
            "wasi:clocks/wall-clock@0.2.0",
            "now",
            "the workflow's clock",
        ),
        (
            "wasi:random/random@0.2.0",
            "get-random-u64",
            "the workflow's random stream",
        ),
        ("my:own/thing@1.0.0", "act", "do it in an activity"),
        (
            "mainspring:workflow/children@1.0.0",
            "start-child-workflow",
            "does not serve it yet",
        ),
        (
            "mainspring:workflow/timers@9.0.0",
            "start-timer",
            "version 1.0.0",
        ),
    ] {
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
async fn a_component_without_the_exports_is_no_workflow() {
    let refusal = refusal_of("(component)").await;
    assert!(matches!(refusal, Refusal::Exports(_)), "{refusal}");
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
