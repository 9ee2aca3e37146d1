//! `mainspring dev` and `mainspring server`: from flags to a running server.
//!
//! [`run`] resolves the options (where the data lives, which address), sets up
//! logging, catches signals, and hands over to [`wiring`]. The data of `dev`
//! without a file lives in a temporary folder that goes when the server stops.

mod limits;
mod options;
mod shutdown;
mod wiring;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mainspring_engine::limits::Limits;
use tempfile::TempDir;

pub(crate) use self::options::{DevArgs, ServerArgs};
pub(crate) use self::shutdown::Shutdown;
use crate::output;

/// Why a server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A flag holds something that cannot be used.
    #[error("{0}")]
    Option(String),
    /// The address has no meaning here.
    #[error("--ip {ip}: {cause}")]
    Address {
        /// As given.
        ip: String,
        /// What the resolver said.
        cause: String,
    },
    /// The folder for the data cannot be made or used.
    #[error("could not use {} for the data: {source}", path.display())]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Signals cannot be caught.
    #[error("could not listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// The database cannot be used.
    #[error("{0}")]
    Store(String),
    /// Workflow code cannot be run here.
    #[error("{0}")]
    Sandbox(String),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; choose another --port or --ip")]
    Listen {
        /// Where it would have listened.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The front door broke down.
    #[error("{0}")]
    Serve(String),
}

/// What the flags of `dev` and `server` come down to.
#[derive(Debug)]
pub(crate) struct ServeOptions {
    pub(crate) ip: String,
    pub(crate) port: u16,
    pub(crate) database: Database,
    /// To be created at the start, besides `default`.
    pub(crate) namespaces: Vec<String>,
    pub(crate) log: LogOptions,
    pub(crate) limits: Limits,
    pub(crate) evict_after_each_activation: bool,
}

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// In a folder that is removed at the end.
    Temporary,
    /// In this SQLite file.
    File(PathBuf),
}

/// What to log, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogOptions {
    pub(crate) level: options::LogLevel,
    pub(crate) format: options::LogFormat,
}

/// Options in which every place is known. Dropping them removes a temporary
/// folder, so they live as long as the server.
#[derive(Debug)]
pub(crate) struct ResolvedOptions {
    /// Where to listen. Port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// The SQLite file; its folder exists.
    pub(crate) database: PathBuf,
    /// Compiled components, beside the database; to be made by its owner.
    pub(crate) compiled: PathBuf,
    /// Namespaces that must be there, `default` first, each once.
    pub(crate) namespaces: Vec<String>,
    pub(crate) limits: Limits,
    /// A test mode: every step replays its whole history.
    pub(crate) evict_after_each_activation: bool,
    temporary: Option<TempDir>,
}

/// Runs a server until a signal or an error ends it.
pub(crate) async fn run(options: ServeOptions) -> Result<(), ServeError> {
    start_logging(options.log);
    let shutdown = Shutdown::on_signals().map_err(ServeError::Signals)?;
    let resolved = options.resolve().await?;
    if let Some(folder) = &resolved.temporary {
        output::note(&format!(
            "The data lives in the temporary folder {} and is gone when the server stops; \
             --db-filename FILE keeps it.",
            folder.path().display()
        ));
    }
    wiring::start(resolved, shutdown).await
}

impl ServeOptions {
    async fn resolve(self) -> Result<ResolvedOptions, ServeError> {
        let address = resolve_address(&self.ip, self.port).await?;
        let (database, temporary) = match self.database {
            Database::File(file) => {
                make_folder_of(&file)?;
                (file, None)
            }
            Database::Temporary => {
                let folder = tempfile::Builder::new()
                    .prefix("mainspring-")
                    .tempdir()
                    .map_err(|source| ServeError::Folder {
                        path: std::env::temp_dir(),
                        source,
                    })?;
                (folder.path().join("mainspring.db"), Some(folder))
            }
        };
        let mut compiled = database.clone().into_os_string();
        compiled.push(".compiled");
        let mut namespaces = vec!["default".to_owned()];
        for name in self.namespaces {
            if !namespaces.contains(&name) {
                namespaces.push(name);
            }
        }
        Ok(ResolvedOptions {
            address,
            database,
            compiled: compiled.into(),
            namespaces,
            limits: self.limits,
            evict_after_each_activation: self.evict_after_each_activation,
            temporary,
        })
    }
}

async fn resolve_address(ip: &str, port: u16) -> Result<SocketAddr, ServeError> {
    let failed = |cause: String| ServeError::Address {
        ip: ip.to_owned(),
        cause,
    };
    // An IPv6 address stands in brackets in URLs, and people copy them.
    let bare = ip.trim_start_matches('[').trim_end_matches(']');
    let mut found = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| failed(error.to_string()))?;
    found
        .next()
        .ok_or_else(|| failed("no such address".to_owned()))
}

fn make_folder_of(file: &Path) -> Result<(), ServeError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::create_dir_all(folder).map_err(|source| ServeError::Folder {
                path: folder.to_owned(),
                source,
            })
        }
        _ => Ok(()),
    }
}

/// Logs go to standard error. `RUST_LOG` wins over the flag, for a closer look
/// at one part.
fn start_logging(log: LogOptions) {
    use tracing_subscriber::EnvFilter;

    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(log.level.directive()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second subscriber is a mistake of ours that costs nothing but its logs.
    let _ = match log.format {
        options::LogFormat::Text | options::LogFormat::Pretty => builder.try_init(),
        options::LogFormat::Json => builder.json().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(database: Database) -> ServeOptions {
        ServeOptions {
            ip: "127.0.0.1".to_owned(),
            port: 7233,
            database,
            namespaces: vec!["a".to_owned(), "default".to_owned(), "a".to_owned()],
            log: LogOptions {
                level: options::LogLevel::Warn,
                format: options::LogFormat::Text,
            },
            limits: Limits::default(),
            evict_after_each_activation: false,
        }
    }

    #[tokio::test]
    async fn a_temporary_folder_is_removed_with_its_options() {
        let resolved = options(Database::Temporary).resolve().await.unwrap();
        let folder = resolved.database.parent().unwrap().to_owned();
        assert!(folder.is_dir());
        assert_eq!(resolved.namespaces, ["default", "a"]);
        drop(resolved);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn a_file_keeps_its_place_and_its_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/orders.db");
        let resolved = options(Database::File(file.clone()))
            .resolve()
            .await
            .unwrap();
        assert_eq!(resolved.database, file);
        assert_eq!(
            resolved.compiled,
            folder.path().join("data/orders.db.compiled")
        );
        drop(resolved);
        assert!(folder.path().join("data").is_dir());
    }

    #[tokio::test]
    async fn addresses_are_numbers_or_names() {
        for ip in ["127.0.0.1", "localhost", "::1", "[::1]", "0.0.0.0"] {
            assert!(resolve_address(ip, 1).await.is_ok(), "{ip}");
        }
        let error = resolve_address("not an address", 1).await.unwrap_err();
        assert!(error.to_string().starts_with("--ip not an address"));
    }
}
