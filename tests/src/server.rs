//! The server binary as a process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::calls::Calls;
use crate::process::binary;

/// How long a server may take until it answers.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A server process and its data. Killed when dropped.
pub struct Server {
    folder: TempDir,
    database: PathBuf,
    port: u16,
    flags: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// Starts a server on a free port with an empty database.
    pub async fn start(flags: &[&str]) -> Self {
        Self::start_on(None, flags).await
    }

    /// The same with the database in this file, where it is given.
    pub async fn start_on(database: Option<PathBuf>, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self {
            database: database.unwrap_or_else(|| folder.path().join("mainspring.db")),
            folder,
            port: free_port(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            process: None,
        };
        server.restart().await;
        server
    }

    /// Starts the process again over the same data and waits until it answers.
    pub async fn restart(&mut self) {
        if let Err(said) = self.try_restart().await {
            panic!("{said}");
        }
    }

    /// The same; `Err`: it ended instead, and what it said.
    pub async fn try_restart(&mut self) -> Result<(), String> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("the log can be written");
        let process = Command::new(binary("mainspring"))
            .args(["dev", "--port", &self.port.to_string()])
            .arg("--db-filename")
            .arg(&self.database)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server binary runs");
        self.process = Some(process);
        let began = Instant::now();
        while self.calls().system_info().await.is_err() {
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Child::try_wait) {
                self.process = None;
                assert!(!status.success(), "it ended as if all were well");
                return Err(format!("the server ended with {status}: {}", self.log()));
            }
            assert!(
                began.elapsed() < START_PATIENCE,
                "the server does not answer: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the server can be killed");
            process.wait().expect("the server can be waited for");
        }
    }

    /// SIGTERM, and waits for a clean end.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("the server runs");
        let signalled = Command::new("kill")
            .args(["-TERM", &process.id().to_string()])
            .status();
        assert!(signalled.is_ok_and(|status| status.success()), "kill runs");
        let status = process.wait().expect("the server can be waited for");
        assert!(status.success(), "a clean end: {status}; {}", self.log());
    }

    /// Calls to it. Cheap; a connection is made with the first call.
    pub fn calls(&self) -> Calls {
        Calls::new(&self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs our own command line against it; what it printed, and whether it
    /// succeeded.
    pub fn cli(&self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new(binary("mainspring"))
            .args(arguments)
            .env("TEMPORAL_ADDRESS", self.address())
            .output()
            .expect("the binary runs");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (text, output.status.success())
    }

    /// Uploads a component file.
    pub fn upload(&self, file: &Path) {
        let file = file.to_string_lossy();
        let (text, uploaded) = self.cli(&["component", "upload", &file]);
        assert!(uploaded, "{text}");
    }

    /// The same under a name.
    pub fn upload_as(&self, file: &Path, name: &str) {
        let file = file.to_string_lossy();
        let (text, uploaded) = self.cli(&["component", "upload", &file, "--name", name]);
        assert!(uploaded, "{text}");
    }

    /// Uploads bytes; what was said about them, and whether they were taken.
    pub fn try_upload(&self, bytes: &[u8]) -> (String, bool) {
        let file = tempfile::Builder::new()
            .suffix(".wasm")
            .tempfile()
            .expect("a temporary file can be made");
        std::fs::write(file.path(), bytes).expect("a temporary file can be written");
        let path = file.path().to_string_lossy().into_owned();
        self.cli(&["component", "upload", &path])
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.database.clone()
    }

    /// The most memory that it has had, in bytes.
    pub fn peak_memory(&self) -> usize {
        let id = self.process.as_ref().expect("the server runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status"));
        let status = status.expect("the system knows its processes");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: usize = kib.and_then(|kib| kib.parse().ok()).expect("a number");
        kib * 1024
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // A panic behind a request is a bug, whatever the test was about.
        if !std::thread::panicking() {
            let log = self.log();
            assert!(!log.contains("panicked"), "the server panicked: {log}");
        }
    }
}

/// The component of an example's workflow, built from source by our own builder.
pub fn component_of(example: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests have a parent folder");
    let file = tempfile::Builder::new()
        .suffix(".wasm")
        .tempfile()
        .expect("a temporary file can be made")
        .into_temp_path()
        .keep()
        .expect("a temporary file can be kept");
    let built = Command::new(binary("mainspring"))
        .args(["component", "build"])
        .arg(root.join(example))
        .arg("-o")
        .arg(&file)
        .output()
        .expect("the binary runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    file
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    listener.local_addr().expect("a bound port is known").port()
}
