//! The durable workflow runtime: server and command line in one binary.
//!
//! `cli` holds the commands, `output` how they print, `build` turns a project
//! into a component, `new` makes one, `serve` starts the server. Every command but `dev` and
//! `server` is a gRPC client and knows the server's API alone.

mod bench;
mod build;
mod cli;
mod error;
mod new;
mod output;
mod rpc;
mod serve;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::error::CliError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut builder = if cli.serves() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        // A client has little to do: the processors are the server's.
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the async runtime could not start: {error}")),
    };
    let done = runtime.block_on(cli.run());
    // Whatever still runs is no part of the command: it must not hold the process.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe (`| head`) had enough: nothing went wrong.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    // Standard error may be closed; then there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "Error: {message}");
    ExitCode::FAILURE
}
