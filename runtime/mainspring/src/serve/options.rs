//! The flags of `mainspring dev` and `mainspring server`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::limits::LimitArgs;
use super::{Database, LogOptions, ServeError, ServeOptions};

/// `mainspring dev`: the flags of `temporal server start-dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    ip: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, short, value_name = "PORT", default_value_t = 7233)]
    port: u16,
    /// File that keeps the data; without it the data is gone at the end.
    #[arg(long, short = 'f', value_name = "FILE")]
    db_filename: Option<PathBuf>,
    /// Namespace to create at the start; may be repeated. `default` is always
    /// there.
    #[arg(long, short, value_name = "NAME")]
    namespace: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    /// Accepted from scripts that know it: there is no web page to leave out.
    #[arg(long, hide = true)]
    headless: bool,
    /// For tests: drop every instance after each activation, so that every step
    /// replays its whole history.
    #[arg(long, hide = true)]
    evict_after_each_activation: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// `mainspring server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Database, as sqlite://FILE.
    #[arg(long, value_name = "URL", env = "MAINSPRING_DB")]
    db: String,
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    ip: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, short, value_name = "PORT", default_value_t = 7233)]
    port: u16,
    /// Namespace to create at the start; may be repeated. `default` is always
    /// there.
    #[arg(long, short, value_name = "NAME")]
    namespace: Vec<String>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, Args)]
struct LogArgs {
    /// What to log, at least this serious.
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "warn")]
    log_level: LogLevel,
    /// How to write logs.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// How serious a log line must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Everything, step by step.
    Trace,
    /// What a developer asks for.
    Debug,
    /// What happens.
    Info,
    /// What looks wrong.
    Warn,
    /// What is wrong.
    Error,
    /// Nothing.
    Never,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text each.
    Text,
    /// The same as text, under its older name.
    #[value(hide = true)]
    Pretty,
    /// One JSON object each.
    Json,
}

impl LogLevel {
    /// As `tracing` filters name it.
    pub(crate) fn directive(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Never => "off",
        }
    }
}

impl DevArgs {
    /// What the flags come down to.
    pub(crate) fn into_options(self) -> Result<ServeOptions, ServeError> {
        Ok(ServeOptions {
            ip: self.ip,
            port: self.port,
            database: match self.db_filename {
                Some(file) => Database::File(file),
                None => Database::Temporary,
            },
            namespaces: checked(self.namespace)?,
            log: self.log.options(),
            limits: self.limits.limits(),
            evict_after_each_activation: self.evict_after_each_activation,
        })
    }
}

impl ServerArgs {
    /// What the flags come down to.
    pub(crate) fn into_options(self) -> Result<ServeOptions, ServeError> {
        Ok(ServeOptions {
            ip: self.ip,
            port: self.port,
            database: Database::File(database_file(&self.db)?),
            namespaces: checked(self.namespace)?,
            log: self.log.options(),
            limits: self.limits.limits(),
            evict_after_each_activation: false,
        })
    }
}

impl LogArgs {
    fn options(self) -> LogOptions {
        LogOptions {
            level: self.log_level,
            format: self.log_format,
        }
    }
}

/// The file in `sqlite://FILE`.
fn database_file(url: &str) -> Result<PathBuf, ServeError> {
    match url.split_once("://") {
        Some(("sqlite", file)) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err(ServeError::Option(format!(
            "--db {url}: this version keeps its data in SQLite; write sqlite://FILE, for example \
             sqlite://mainspring.db"
        ))),
    }
}

fn checked(namespaces: Vec<String>) -> Result<Vec<String>, ServeError> {
    if namespaces.iter().any(|name| name.trim().is_empty()) {
        return Err(ServeError::Option(
            "--namespace: a namespace needs a name".to_owned(),
        ));
    }
    Ok(namespaces)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mainspring_engine::limits::Limits;

    use super::*;

    #[derive(Debug, Parser)]
    struct Dev {
        #[command(flatten)]
        args: DevArgs,
    }

    #[derive(Debug, Parser)]
    struct Server {
        #[command(flatten)]
        args: ServerArgs,
    }

    #[test]
    fn dev_without_flags_listens_locally_and_keeps_nothing() {
        let options = Dev::parse_from(["dev"]).args.into_options().unwrap();
        assert_eq!((options.ip.as_str(), options.port), ("127.0.0.1", 7233));
        assert_eq!(options.database, Database::Temporary);
        assert_eq!(options.log.level, LogLevel::Warn);
        assert!(options.namespaces.is_empty());
    }

    #[test]
    fn the_flags_of_start_dev_are_understood() {
        let line = "dev --headless --ip ::1 --port 0 -f a.db -n x --namespace y --log-level never";
        let options = Dev::parse_from(line.split(' '))
            .args
            .into_options()
            .unwrap();
        assert_eq!(options.database, Database::File("a.db".into()));
        assert_eq!(options.namespaces, ["x", "y"]);
        assert_eq!(options.log.level.directive(), "off");
    }

    #[test]
    fn a_server_takes_its_file_and_its_limits() {
        let line = "server --db sqlite:///var/lib/m.db --payload-bytes 1MiB --event-cpu 250ms";
        let options = Server::parse_from(line.split(' '))
            .args
            .into_options()
            .unwrap();
        assert_eq!(options.database, Database::File("/var/lib/m.db".into()));
        assert_eq!(options.limits.payload_bytes, 1024 * 1024);
        assert_eq!(options.limits.event_cpu.as_millis(), 250);
        let defaults = Limits::default();
        assert_eq!(options.limits.request_bytes, defaults.request_bytes);
    }

    #[test]
    fn another_database_is_refused_with_the_way_to_write_it() {
        for url in ["postgres://h/db", "m.db", "sqlite://", ""] {
            let error = database_file(url).unwrap_err().to_string();
            assert!(error.contains("sqlite://mainspring.db"), "{error}");
        }
    }

    #[test]
    fn a_namespace_needs_a_name() {
        assert!(checked(vec![" ".to_owned()]).is_err());
    }
}
