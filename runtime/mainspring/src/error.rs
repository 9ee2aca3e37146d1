//! What can go wrong in a command. Each message is one clear sentence for
//! standard error that says what to do; the exit code is then 1 (2 for a
//! command line that cannot be read, which clap reports itself).

use std::path::PathBuf;

use crate::build::BuildError;
use crate::new::NewError;
use crate::serve::ServeError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Nobody listens at the address.
    #[error(
        "no server answers at {address}: start one with `mainspring dev`, or name another with \
         --address ({cause})"
    )]
    Unreachable {
        /// As the user gave it.
        address: String,
        /// What the network said.
        cause: String,
    },
    /// The server refused or failed the call.
    #[error("could not {action}: {message} ({code})")]
    Rpc {
        /// What was tried: "signal workflow order-7".
        action: String,
        /// The server's words.
        message: String,
        /// The gRPC code's name, e.g. `NOT_FOUND`.
        code: &'static str,
    },
    /// A flag or file holds something that cannot be used.
    #[error("{0}")]
    Input(String),
    /// A file could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The workflow ended, and not well. What happened was printed before.
    #[error("workflow {workflow_id} {ended}")]
    WorkflowEnded {
        /// Which one.
        workflow_id: String,
        /// "failed", "was terminated" …
        ended: &'static str,
    },
    /// The server sent something that its own API does not allow.
    #[error("the server's answer makes no sense: {0}; is it a Mainspring or Temporal server?")]
    Answer(String),
    /// A component could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A project could not be made.
    #[error(transparent)]
    New(#[from] NewError),
    /// The server could not start or stopped with an error.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Standard output is gone.
    #[error("could not print: {0}")]
    Output(#[source] std::io::Error),
}

impl CliError {
    /// For flags: `--memo: …`.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::Input(message.into())
    }
}
