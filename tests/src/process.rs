//! Binaries of the workspace as processes: the examples' activity workers, the bench.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::server::Server;

/// An example's worker, on the official SDK. Killed (SIGKILL) when dropped.
pub struct WorkerProcess(Child);

impl WorkerProcess {
    /// Starts the worker of this name on a queue, over its own database.
    pub fn start(
        name: &str,
        server: &Server,
        queue: &str,
        database: &Path,
        flags: &[&str],
    ) -> Self {
        let worker = Command::new(binary(name))
            .args(["run", "--task-queue", queue])
            .args(flags)
            .arg("--db")
            .arg(database)
            .env("TEMPORAL_ADDRESS", server.address())
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker binary runs");
        Self(worker)
    }

    /// What the worker of this name has done, as its database says.
    pub fn report(name: &str, database: &Path) -> String {
        let output = Command::new(binary(name))
            .arg("report")
            .arg("--db")
            .arg(database)
            .output()
            .expect("the worker binary runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where everything is built.
pub fn target_folder() -> PathBuf {
    let folder = profile_folder();
    let target = folder
        .parent()
        .expect("a profile's folder lies in the target folder");
    target.to_owned()
}

/// The test binary's folder's folder.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent);
    folder
        .expect("tests are built into target/<profile>/deps")
        .to_owned()
}

/// Runs `mainspring bench` with these arguments, on the workflows of a checkout: its
/// JSON where it succeeded, or what it complained of.
pub fn bench(checkout: &Path, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(binary("mainspring"))
        .arg("bench")
        .args(arguments)
        .args(["--output", "json", "--source"])
        .arg(checkout)
        .output()
        .expect("the binary runs");
    let well = output.status.success();
    let said = if well { output.stdout } else { output.stderr };
    (String::from_utf8_lossy(&said).into_owned(), well)
}

/// A binary of the workspace, beside the test binary's folder.
pub fn binary(name: &str) -> PathBuf {
    let binary = profile_folder().join(name);
    assert!(
        binary.exists(),
        "{} is missing; run `cargo build -p {name}` first",
        binary.display()
    );
    binary
}
