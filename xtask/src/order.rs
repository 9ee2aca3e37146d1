//! The order story, played: five activities, a worker killed right after it
//! charged the payment, the server killed as well, one charge in the end.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::setup;
use crate::shell::{command, output, run, succeeds, target};

/// How long an activity takes, so that one can watch.
const STEP_TIME_MS: &str = "700";
/// How long the whole order may take: an attempt that died with its worker is
/// noticed after its start-to-close timeout of a minute.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often the history is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A process that is killed when the story ends, however it ends.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Result<Self, String> {
        command
            .spawn()
            .map(Process)
            .map_err(|error| format!("cannot start {command:?}: {error}"))
    }

    /// SIGKILL: no goodbye.
    fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

struct Story {
    mainspring: PathBuf,
    worker: PathBuf,
    folder: PathBuf,
    address: String,
}

/// `cargo xtask order [--profile release]`. A release build takes several times as long,
/// and shows nothing more here.
pub fn play(flags: &[&str]) -> Result<(), String> {
    let profile = match flags {
        [] => "dev",
        ["--profile", "release"] => "release",
        _ => {
            return Err(format!(
                "unknown flags {flags:?}; there is --profile release"
            ));
        }
    };
    say("Setting up: the WebAssembly toolchain, the server, the worker.");
    setup::wasm_toolchain()?;
    let arguments = [
        "build",
        "--profile",
        profile,
        "-p",
        "mainspring",
        "-p",
        "order-worker",
    ];
    run(&mut command("cargo", &arguments))?;
    let built = target().join(if profile == "dev" { "debug" } else { profile });
    let story = Story {
        mainspring: built.join("mainspring"),
        worker: built.join("order-worker"),
        folder: target().join("order-story"),
        address: format!("127.0.0.1:{}", free_port()?),
    };
    story.tell()
}

fn say(text: &str) {
    println!("\n▸ {text}");
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

impl Story {
    fn tell(&self) -> Result<(), String> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).map_err(|error| error.to_string())?;
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;

        say("Starting the server, its data in one SQLite file.");
        let server = self.start_server()?;
        say("Building the workflow into a WebAssembly component and uploading it.");
        run(&mut self.cli(&["component", "upload", "examples/order/workflow"]))?;
        say("Starting an activity worker on the official Rust SDK.");
        let worker = self.start_worker()?;
        say("Ordering.");
        run(&mut self.cli(&[
            "workflow",
            "start",
            "--type",
            "OrderWorkflow",
            "--workflow-id",
            "order-123",
            "--task-queue",
            "orders",
            "--input",
            r#"{"OrderID":"order-123","UserID":"user-456"}"#,
        ]))?;

        self.wait_until("the payment is charged", |history| {
            history.matches("ActivityTaskCompleted").count() >= 2
        })?;
        say("The payment is charged. Killing the worker (SIGKILL).");
        worker.kill();
        say("Killing the server as well (SIGKILL).");
        server.kill();
        println!("{}", self.report()?);

        say("Starting both again. The order goes on where it was.");
        let _server = self.start_server()?;
        let _worker = self.start_worker()?;
        println!(
            "  (The invoice had been handed to the worker that died; the server gives it to the \
             new one when its timeout of one minute has passed.)"
        );
        self.wait_until("the order is complete", |history| {
            history.contains("WorkflowExecutionCompleted")
        })?;
        run(&mut self.cli(&["workflow", "show", "--workflow-id", "order-123"]))?;
        self.check()
    }

    fn check(&self) -> Result<(), String> {
        let report = self.report()?;
        println!("{report}");
        let charges = report
            .lines()
            .find(|line| line.trim().starts_with("charges:"));
        if charges.map(str::trim) != Some("charges: 1") {
            return Err("the order was not charged exactly once".to_owned());
        }
        say("One order, two kills, one charge.");
        println!(
            "  Next: read examples/order/workflow/src/lib.rs, change a step, and run it again;\n  \
             README.md shows how to write, upload and watch a workflow of your own."
        );
        Ok(())
    }

    fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.mainspring, arguments);
        command.env("TEMPORAL_ADDRESS", &self.address);
        command
    }

    fn start_server(&self) -> Result<Process, String> {
        let port = self.address.rsplit(':').next().unwrap_or_default();
        let db = self.folder.join("mainspring.db");
        let server = Process::start(
            command(&self.mainspring, &["dev", "--port", port])
                .arg("-f")
                .arg(db),
        )?;
        let began = Instant::now();
        while !succeeds(&mut self.cli(&["namespace", "list"])) {
            if began.elapsed() > Duration::from_secs(30) {
                return Err("the server does not answer".to_owned());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }

    fn shop(&self) -> PathBuf {
        self.folder.join("shop.db")
    }

    fn worker_command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.worker, arguments);
        command.arg("--db").arg(self.shop());
        command.env("TEMPORAL_ADDRESS", &self.address);
        command
    }

    fn start_worker(&self) -> Result<Process, String> {
        Process::start(&mut self.worker_command(&["run", "--step-time-ms", STEP_TIME_MS]))
    }

    fn report(&self) -> Result<String, String> {
        output(&mut self.worker_command(&["report"]))
    }

    fn history(&self) -> Option<String> {
        let mut show = self.cli(&["workflow", "show", "--workflow-id", "order-123"]);
        let shown = show.stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        shown.status.success().then_some(text)
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<(), String> {
        let began = Instant::now();
        loop {
            if self.history().is_some_and(|history| holds(&history)) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("waited {PATIENCE:?} in vain until {what}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}
