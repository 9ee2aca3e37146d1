//! What can go wrong in a build. Each message names what was wrong, where, and what
//! to do about it.

use std::path::PathBuf;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Not a folder with a project that can be built.
    #[error("{} {problem}", path.display())]
    Folder {
        /// What was named.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A program that the language needs is not there.
    #[error("could not run {program}, which {purpose}: {cause}; {get}")]
    NoTool {
        /// Which program.
        program: String,
        /// What it is needed for: "installs the packages of a Python project".
        purpose: &'static str,
        /// What the system said.
        cause: String,
        /// How to get it.
        get: &'static str,
    },
    /// Rust is there, but not the library for WebAssembly.
    #[error(
        "Rust cannot build for wasm32-unknown-unknown here: run `rustup target add \
         wasm32-unknown-unknown`; where rustup cannot reach its server, on Debian or Ubuntu run \
         `apt-get install rustc-web rust-web-src lld` and repeat the command"
    )]
    NoWasmTarget,
    /// A program failed, and this is what it said.
    #[error("{action}: {output}")]
    Tool {
        /// What could not be done: "npm could not install the packages of /a/b".
        action: String,
        /// The program's own words, or their end.
        output: String,
    },
    /// A program failed; its own words went to standard error before.
    #[error("{action}; its errors are above")]
    ToolShown {
        /// What could not be done.
        action: String,
    },
    /// A program said something that this version does not understand.
    #[error("the answer of {program} makes no sense: {problem}")]
    ToolOutput {
        /// Which program.
        program: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The user's code is not a workflow that can be built.
    #[error("{0}")]
    Source(String),
    /// The module is not a workflow.
    #[error("{} does not make a component: {problem}", path.display())]
    Encode {
        /// The module, or the project.
        path: PathBuf,
        /// What is wrong, and a hint.
        problem: String,
    },
    /// No server would take the component.
    #[error("{} was built, but a server would refuse it: {reason}", path.display())]
    Refused {
        /// The project.
        path: PathBuf,
        /// The server's words.
        reason: String,
    },
    /// There is no folder for the tools of a build.
    #[error(
        "there is no folder for the tools that this build needs: {problem}; name one with \
         --tool-cache or MAINSPRING_TOOL_CACHE"
    )]
    NoCache {
        /// What is wrong with the usual one.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// "read", "write" …
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl BuildError {
    /// For `map_err` after a call of `std::fs`.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
