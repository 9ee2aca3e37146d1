//! The order workflow as a component: it builds, and imports what it uses.
//!
//! A server refuses a component that imports an operation which it does not
//! have, so code for operations that a workflow never calls must not be linked.

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

fn build_order_workflow() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(&root)
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-p",
            "order-workflow",
            "--message-format",
            "json",
        ])
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "order-workflow does not build for {TARGET}; if the target is missing, run `rustup target add {TARGET}`\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let artifact = messages
        .split('"')
        .rfind(|text| text.ends_with("order_workflow.wasm"))
        .expect("cargo names the module that it built");
    PathBuf::from(artifact)
}

#[test]
fn the_order_workflow_is_a_component_that_imports_what_it_uses() {
    let module = std::fs::read(build_order_workflow()).expect("cargo built this file");
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .expect("the module describes its interface")
        .encode()
        .expect("the module fits its interface");
    let decoded = wit_component::decode(&component).expect("a component can be read back");
    let resolve = decoded.resolve();
    let world = resolve
        .worlds
        .iter()
        .map(|(_, world)| world)
        .next_back()
        .expect("a component has a world");

    let names = world.imports.keys().map(|key| resolve.name_world_key(key));
    let (mut interfaces, mut types): (Vec<_>, Vec<_>) = names.partition(|name| name.contains(':'));
    interfaces.sort();
    // `info` and `updates` besides what it uses: every workflow can tell its stack, and
    // answers an update that it does not handle.
    let expected = [
        "activities",
        "cancellation",
        "description",
        "events",
        "info",
        "logging",
        "queries",
        "types",
        "updates",
    ]
    .map(|interface| format!("mainspring:workflow/{interface}@1.0.0"));
    assert_eq!(interfaces, expected);
    // The types that the exports mention; they carry no functions.
    types.sort();
    assert_eq!(
        types,
        [
            "component-description",
            "failure",
            "payloads",
            "run-outcome"
        ]
    );

    let mut functions: Vec<_> = resolve
        .interfaces
        .iter()
        .flat_map(|(_, interface)| interface.functions.keys().map(String::as_str))
        .collect();
    functions.sort_unstable();
    assert_eq!(
        functions,
        [
            "accept-update",
            "answer-query",
            "cancel",
            "log",
            "next",
            "reject-update",
            "run",
            "start-activity",
            "take"
        ]
    );

    let mut exports: Vec<_> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    exports.sort();
    assert_eq!(exports, ["answer-queries", "describe", "run"]);
}
