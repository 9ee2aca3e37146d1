//! The server that is measured: one that the bench starts itself, on a database
//! file as in production, or the one at a given address.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cli::component::{self, BuildFlags};
use crate::error::CliError;
use crate::rpc::Connection;

/// How long a server may take until it answers.
const START_PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where the load goes.
pub(super) struct Target {
    address: String,
    namespace: String,
    own: Option<OwnServer>,
}

/// A server process of the bench; killed when dropped.
struct OwnServer {
    process: Child,
    folder: TempDir,
}

impl Target {
    /// The server at `address`; without one, a new server over an empty database
    /// in a temporary folder under `folder`.
    pub(super) async fn open(
        address: Option<&str>,
        namespace: &str,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let (address, own) = match address {
            Some(address) => (address.to_owned(), None),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("mainspring-bench-")
                    .tempdir_in(folder)
                    .map_err(|source| cannot("make a folder in", folder, source))?;
                let address = format!("127.0.0.1:{}", free_port()?);
                let process = spawn(&address, folder.path())?;
                (address, Some(OwnServer { process, folder }))
            }
        };
        let target = Self {
            address,
            namespace: namespace.to_owned(),
            own,
        };
        target.wait_until_it_answers().await?;
        Ok(target)
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> Result<Connection, CliError> {
        Connection::open(&self.address, &self.namespace, Some("mainspring-bench")).await
    }

    /// Builds and uploads the workflows in a folder of the source tree.
    pub(super) async fn upload(&self, folder: &Path) -> Result<(), CliError> {
        let mut connection = self.connect().await?;
        let (name, version) = (String::new(), String::new());
        component::send(
            &mut connection,
            folder,
            BuildFlags::default(),
            name,
            version,
        )
        .await?;
        Ok(())
    }

    /// Kills the server (SIGKILL) and starts it again over the same data; only one
    /// that the bench started.
    pub(super) async fn restart(&mut self) -> Result<(), CliError> {
        let address = self.address.clone();
        let own = self.own_server()?;
        // Killed or gone by itself: in both cases it is not there any more.
        let _ = own.process.kill().await;
        own.process = spawn(&address, own.folder.path())?;
        self.wait_until_it_answers().await
    }

    /// The resident memory of a server that the bench started, in bytes.
    pub(super) fn resident_bytes(&mut self) -> Result<f64, CliError> {
        self.memory("VmRSS:")
    }

    /// The most that it has ever been.
    pub(super) fn peak_bytes(&mut self) -> Result<f64, CliError> {
        self.memory("VmHWM:")
    }

    fn memory(&mut self, field: &str) -> Result<f64, CliError> {
        let own = self.own_server()?;
        let id = own.process.id().unwrap_or_default();
        let path = PathBuf::from(format!("/proc/{id}/status"));
        let status = std::fs::read_to_string(&path)
            .map_err(|source| cannot("read the server's memory in", &path, source))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib * 1_024.0)
            .ok_or_else(|| CliError::Answer(format!("the system shows no {field} of the server")))
    }

    fn own_server(&mut self) -> Result<&mut OwnServer, CliError> {
        self.own.as_mut().ok_or_else(|| {
            CliError::input(
                "this workload restarts or looks into the server process: leave out --address",
            )
        })
    }

    async fn wait_until_it_answers(&self) -> Result<(), CliError> {
        let began = Instant::now();
        loop {
            match self.connect().await {
                Ok(_) => return Ok(()),
                Err(error) if began.elapsed() > START_PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn spawn(address: &str, folder: &Path) -> Result<Child, CliError> {
    let program = std::env::current_exe()
        .map_err(|source| cannot("find this program at", Path::new("mainspring"), source))?;
    let port = address.rsplit(':').next().unwrap_or_default();
    Command::new(&program)
        .args(["server", "--port", port, "--db"])
        .arg(format!("sqlite://{}", folder.join("bench.db").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| cannot("start a server with", &program, source))
}

fn free_port() -> Result<u16, CliError> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    port.map(|address| address.port())
        .map_err(|error| CliError::input(format!("no port is free for the server: {error}")))
}

fn cannot(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::File {
        action,
        path: path.to_owned(),
        source,
    }
}
