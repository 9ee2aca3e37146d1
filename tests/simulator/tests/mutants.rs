//! The simulator finds bugs: some are put into engine and server on purpose, one at a
//! time, and a world fails for each.
//!
//! The sources are copied, every bug is written into the copy behind a switch, and the
//! copy's simulator is built once. A bug's place is its exact text in the sources, so
//! a change there has to be followed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mainspring_tests::component_of;

/// A bug: in this file, this text becomes that one. `BUG` is true where it is on.
struct Mutant {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const MUTANTS: [Mutant; 16] = [
    Mutant {
        what: "a timer does not fire",
        file: "runtime/engine/src/run/wake.rs",
        from: "self.record_event(now, Attributes::TimerFiredEventAttributes(attributes));",
        to: "if !BUG { self.record_event(now, Attributes::TimerFiredEventAttributes(attributes)); }",
    },
    Mutant {
        what: "a run that closes leaves its timers behind",
        file: "runtime/engine/src/run/apply.rs",
        from: "for id in std::mem::take(&mut self.timers).into_keys() {",
        to: "for id in std::mem::take(&mut self.timers).into_keys().filter(|_| !BUG) {",
    },
    Mutant {
        what: "code draws other random numbers in a replay",
        file: "runtime/engine/src/random.rs",
        from: "hash.update(number.to_le_bytes());",
        to: "hash.update((number + if BUG { crate::mutant::count() } else { 0 }).to_le_bytes());",
    },
    Mutant {
        what: "the report of an attempt that is over is taken",
        file: "runtime/engine/src/activity/mod.rs",
        from: "if self.is_started() && record.attempt == attempt && record.nonce == nonce {",
        to: "if self.is_started() && (BUG || (record.attempt == attempt && record.nonce == nonce)) {",
    },
    Mutant {
        what: "code that was dropped begins again although its first task was done",
        file: "runtime/engine/src/run/tasks.rs",
        from: "self.is_new() && !self.record.had_task",
        to: "self.is_new() && (BUG || !self.record.had_task)",
    },
    Mutant {
        what: "code hears of what it has cancelled",
        file: "runtime/engine/src/session/operations.rs",
        from: "if std::mem::replace(&mut operation.cancel_requested, true) {",
        to: "if std::mem::replace(&mut operation.cancel_requested, true) || (BUG && !self.replaying) {",
    },
    Mutant {
        what: "a run that is woken too early is never woken again",
        file: "runtime/server/src/actor/publish.rs",
        from: "self.set_alarm(&step);\n            step.settle(Ok(()));",
        to: "if !BUG { self.set_alarm(&step); }\n            step.settle(Ok(()));",
    },
    Mutant {
        what: "a task whose commit failed is not read back",
        file: "runtime/server/src/actor/publish.rs",
        from: "self.core.matching.look_again(task);",
        to: "if !BUG { self.core.matching.look_again(task); }",
    },
    Mutant {
        what: "tasks are handed out before they are durable",
        file: "runtime/server/src/actor/publish.rs",
        from: "let committed = self.core.committer.commit(write).await;",
        to: "if BUG { self.send_tasks(&mut step); }\n\
             let committed = self.core.committer.commit(write).await;",
    },
    Mutant {
        what: "answers leave before what they say is durable",
        file: "runtime/server/src/actor/publish.rs",
        from: "let news = self.news_of(&write);",
        to: "if BUG { step.settle(Ok(())); }\nlet news = self.news_of(&write);",
    },
    Mutant {
        what: "a signal that is sent again is recorded again",
        file: "runtime/server/src/actor/messages.rs",
        from: "if taken {",
        to: "if taken && !BUG {",
    },
    Mutant {
        what: "an update that is sent again is another one",
        file: "runtime/engine/src/run/updates.rs",
        from: ".filter(|update| update.update_id == update_id)",
        to: ".filter(|update| update.update_id == update_id && !BUG)",
    },
    Mutant {
        what: "lists do not show what code changes in the memo",
        file: "runtime/engine/src/run/properties.rs",
        from: "self.staged.memo = Some(whole.encode_to_vec());",
        to: "if !BUG { self.staged.memo = Some(whole.encode_to_vec()); }",
    },
    Mutant {
        what: "a cron schedule has no next run",
        file: "runtime/engine/src/run/chain.rs",
        from: "let cron = CronSchedule::of_run(&self.record.cron_schedule);",
        to: "let cron = CronSchedule::of_run(&self.record.cron_schedule).filter(|_| !BUG);",
    },
    Mutant {
        what: "the signal of a start that finds a run is lost",
        file: "runtime/server/src/actor/with_start.rs",
        from: "Ok(started) if self.latest().is_some_and(|latest| !latest.run.is_open()) => Ok(started),",
        to: "Ok(started) if BUG && !started.started => Ok(started),\n\
             Ok(started) if self.latest().is_some_and(|latest| !latest.run.is_open()) => Ok(started),",
    },
    Mutant {
        what: "code that needs another slice is given a task once more",
        file: "runtime/server/src/actor/guest.rs",
        from: "if live.task.is_none() {",
        to: "if live.task.is_none() || BUG {",
    },
];

/// The switch: which bug is on.
const SWITCH: &str = "//! Which bug is on.\n\
    use std::sync::OnceLock;\n\
    use std::sync::atomic::{AtomicI64, Ordering};\n\
    /// Whether this one is.\n\
    pub fn is(number: usize) -> bool {\n\
        static ON: OnceLock<usize> = OnceLock::new();\n\
        let read = || std::env::var(\"MUTANT\").ok()?.parse().ok();\n\
        *ON.get_or_init(|| read().unwrap_or(0)) == number\n\
    }\n\
    /// Another number each time.\n\
    pub fn count() -> i64 {\n\
        static COUNT: AtomicI64 = AtomicI64::new(1);\n\
        COUNT.fetch_add(1, Ordering::Relaxed)\n\
    }\n";

/// Worlds in which a bug must be found.
const WORLDS: &str = "4000";
/// How long a world may take before it counts as hanging, in seconds.
const PATIENCE: &str = "15";

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the checkout is there")
}

/// Copies what the simulator is built from.
fn copy_sources(to: &Path) {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "the tests run in a git checkout");
    for file in String::from_utf8_lossy(&listed.stdout).lines() {
        let from = root().join(file);
        if from.is_file() {
            let to = to.join(file);
            fs::create_dir_all(to.parent().expect("a file is in a folder")).expect("a folder");
            fs::copy(from, to).expect("the file can be copied");
        }
    }
}

/// Puts every bug into the copy, each behind the switch.
fn mutate(sources: &Path) {
    for (mutant, number) in MUTANTS.iter().zip(1..) {
        let path = sources.join(mutant.file);
        let text = fs::read_to_string(&path).expect("a source file");
        let found = text.matches(mutant.from).count();
        let (what, file) = (mutant.what, mutant.file);
        assert_eq!(
            found, 1,
            "the place of {what:?} in {file} is {:?}",
            mutant.from
        );
        let home = match mutant.file.starts_with("runtime/engine") {
            true => "crate",
            false => "mainspring_engine",
        };
        let bug = format!("{home}::mutant::is({number})");
        let text = text.replace(mutant.from, &mutant.to.replace("BUG", &bug));
        fs::write(path, text).expect("the copy can be changed");
    }
    let engine = sources.join("runtime/engine/src");
    fs::write(engine.join("mutant.rs"), SWITCH).expect("the copy can be changed");
    let lib = fs::read_to_string(engine.join("lib.rs")).expect("a source file");
    fs::write(engine.join("lib.rs"), lib + "\npub mod mutant;\n").expect("the copy can be changed");
    // Artefacts are named after package and version: under the same ones they would
    // take the place of those without bugs.
    for manifest in ["Cargo.toml", "tests/simulator/program/Cargo.toml"] {
        let manifest = sources.join(manifest);
        let text = fs::read_to_string(&manifest).expect("a manifest");
        let text = text.replacen("\nversion = \"0.", "\nversion = \"99.", 1);
        fs::write(manifest, text).expect("the copy can be changed");
    }
    let manifest = sources.join("tests/simulator/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let text = text.replace("name = \"simulate\"", "name = \"simulate-mutants\"");
    fs::write(manifest, text).expect("the copy can be changed");
}

/// The folder of build artefacts that this test was built into.
fn target() -> PathBuf {
    let simulator = Path::new(env!("CARGO_BIN_EXE_simulate"));
    let profile = simulator.parent().and_then(Path::parent);
    profile.expect("target/<profile>/simulate").to_owned()
}

fn build(sources: &Path) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "simulate-mutants",
        ])
        .current_dir(sources)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    target().join("debug/simulate-mutants")
}

/// What the simulator said, and whether all was well.
fn simulate(simulator: &Path, component: &Path, mutant: usize, worlds: &str) -> (bool, String) {
    let output = Command::new(simulator)
        .arg("--component")
        .arg(component)
        .args(["--worlds", worlds, "--patience", PATIENCE, "--no-shrink"])
        .env("MUTANT", mutant.to_string())
        .output()
        .expect("the simulator runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

#[test]
fn a_world_fails_for_every_bug_that_is_put_in() {
    let sources = tempfile::tempdir().expect("a temporary folder can be made");
    copy_sources(sources.path());
    mutate(sources.path());
    let simulator = build(sources.path());
    let component = component_of("tests/simulator/guest");
    let (well, said) = simulate(&simulator, &component, 0, "200");
    assert!(well, "without a bug: {said}");
    let mut unnoticed = Vec::new();
    for (mutant, number) in MUTANTS.iter().zip(1..) {
        let (well, said) = simulate(&simulator, &component, number, WORLDS);
        println!(
            "{}: {}",
            mutant.what,
            said.lines().next().unwrap_or_default()
        );
        if well || !said.starts_with("world ") {
            unnoticed.push(format!("{}: {said}", mutant.what));
        }
    }
    assert!(unnoticed.is_empty(), "no world noticed: {unnoticed:#?}");
}
