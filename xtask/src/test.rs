//! Every check and test, in stages.

use std::path::PathBuf;
use std::time::Instant;

use crate::setup;
use crate::shell::{command, root, target};

/// Runs one stage, with its name and its duration around it.
fn run_stage(name: &str, stage: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("\n=== {name}");
    let began = Instant::now();
    stage().map_err(|error| format!("stage '{name}' failed: {error}"))?;
    println!(
        "=== {name}: ok after {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// `cargo xtask test [--fast]`: the first stage that fails ends it. `--fast` leaves
/// out those that take minutes.
pub fn run(flags: &[&str]) -> Result<(), String> {
    let fast = match flags {
        [] => false,
        ["--fast"] => true,
        _ => return Err(format!("unknown flags {flags:?}; there is --fast")),
    };
    run_stage("set-up", setup::wasm_toolchain)?;
    run_stage("format", || cargo(&["fmt", "--all", "--check"]))?;
    run_stage("documents name what exists", check_documents)?;
    run_stage("build", || cargo(&["build", "--workspace", "--bins"]))?;
    run_stage("lints", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    run_stage("unit and end-to-end tests", || {
        cargo_tests(&["--no-fail-fast"])
    })?;
    if fast {
        return Ok(());
    }
    run_stage(
        "tests with the official Python SDK and the temporal CLI",
        python_tests,
    )?;
    run_stage(
        "tests with the official Go SDK, and the Go program on both servers",
        go_tests,
    )?;
    run_stage("tests with the official TypeScript SDK", typescript_tests)?;
    run_stage("new projects in every language", || {
        cargo_tests(&["--test", "new_projects", "--", "--ignored"])
    })?;
    run_stage("licences and sources of dependencies", || {
        let deny = setup::cargo_deny()?;
        run_command(&deny, &["check", "bans", "licenses", "sources"])
    })?;
    run_stage("the order story", || crate::order::play(&[]))
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    run_command(&PathBuf::from("cargo"), arguments)
}

fn run_command(program: &PathBuf, arguments: &[&str]) -> Result<(), String> {
    crate::shell::run(&mut command(program, arguments))
}

/// With Python's tools first in the path: the compiler for C and Zig is among them.
fn cargo_tests(arguments: &[&str]) -> Result<(), String> {
    let tools = setup::python()?;
    let tools = tools.parent().map(PathBuf::from).into_iter();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(tools.chain(std::env::split_paths(&path)));
    let path = path.map_err(|error| error.to_string())?;
    let mut tests = command("cargo", &["test", "--workspace"]);
    crate::shell::run(tests.args(arguments).env("PATH", path))
}

fn python_tests() -> Result<(), String> {
    let python = setup::python()?;
    // Each in a process of its own: they load the library in different ways.
    for folder in [
        "tests/python",
        "guest-sdk/python/tests",
        "tests/python-guests",
    ] {
        run_command(&python, &["-m", "pytest", "-q", folder])?;
    }
    Ok(())
}

/// The modules come from the proxy that `go` is set to, at the versions of `go.sum`.
fn go_tests() -> Result<(), String> {
    let modules = [
        "examples/order/go",
        "examples/trial-reminder/go",
        "tests/go",
        "tests/go-guests",
    ];
    for module in modules {
        let mut vet = command("go", &["vet", "./..."]);
        crate::shell::run(vet.current_dir(root().join(module)))?;
    }
    let temporal = setup::temporal()?;
    // Not from the cache: what is tested is the binary, which `go` knows nothing of.
    for module in ["tests/go", "tests/go-guests"] {
        let mut tests = command("go", &["test", "-count=1", "-timeout=10m", "./..."]);
        tests
            .current_dir(root().join(module))
            .env("CARGO_TARGET_DIR", target())
            .env("TEMPORAL_CLI", &temporal);
        crate::shell::run(&mut tests)?;
    }
    Ok(())
}

/// First the adapter and the builder of TypeScript guests by themselves.
fn typescript_tests() -> Result<(), String> {
    for folder in ["guest-sdk/typescript", "tests/typescript"] {
        let folder = setup::npm_packages(folder)?;
        let mut tests = command("npm", &["test", "--silent"]);
        tests.current_dir(folder).env("CARGO_TARGET_DIR", target());
        crate::shell::run(&mut tests)?;
    }
    Ok(())
}

/// Every path in backticks or link targets of the documents must exist.
fn check_documents() -> Result<(), String> {
    let mut missing = Vec::new();
    for document in documents()? {
        let text = std::fs::read_to_string(&document).map_err(|error| error.to_string())?;
        let folder = document.parent().map(PathBuf::from).unwrap_or_default();
        for target in link_targets(&text) {
            let place = folder.join(target);
            if !place.exists() {
                missing.push(format!("{} -> {target}", document.display()));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("links that lead nowhere: {}", missing.join(", ")))
}

fn documents() -> Result<Vec<PathBuf>, String> {
    let listed = crate::shell::output(&mut command("git", &["ls-files", "*.md"]))?;
    Ok(listed.lines().map(|line| root().join(line)).collect())
}

/// The relative targets of Markdown links, without their anchors.
fn link_targets(text: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (index, _) in text.match_indices("](") {
        let rest = &text[index + 2..];
        let Some(end) = rest.find(')') else {
            continue;
        };
        let target = rest[..end].split('#').next().unwrap_or_default();
        if !target.is_empty() && !target.contains("://") && !target.contains(' ') {
            targets.push(target);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_are_looked_up() {
        let text = "[a](b/c.md#x) [web](https://example.org) [here](#top) `x`";
        assert_eq!(link_targets(text), ["b/c.md"]);
    }
}
