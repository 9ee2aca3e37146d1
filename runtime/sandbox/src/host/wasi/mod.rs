//! WASI 0.2, as far as a history stands behind it: clocks show workflow time, waiting
//! for one is a timer of the run, random bytes come from the run's stream, standard
//! output and error go to the workflow's log. There is no environment, no argument and
//! no input. What is not here (files, sockets, HTTP) is refused at upload.
//!
//! Before a run there is none of that: while `describe` and a component's own start
//! run, clocks stand at 1970 and random bytes are the same each time.

mod cli;
mod clocks;
mod output;
mod poll;
mod random;
mod streams;

use parking_lot::Mutex;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};

use super::{Host, misuse};
use crate::wasi::wasi::{cli as wit_cli, clocks as wit_clocks, io as wit_io, random as wit_random};

pub use self::output::Output;
pub use self::poll::Pollable;

/// Streams and pollables that one instance may hold at once.
const MOST_RESOURCES: usize = 10_000;

/// An error of a stream: no operation of ours makes one.
#[derive(Debug)]
pub struct NoError;

/// Standard input, at its end from the beginning.
#[derive(Debug)]
pub struct Nothing;

/// A terminal: there is none.
#[derive(Debug)]
pub struct NoTerminal;

/// What one instance has of WASI.
pub(super) struct Wasi {
    /// Only ever reached through `&mut`; the lock is there so that an instance can be
    /// shared between threads as a value.
    table: Mutex<ResourceTable>,
    out: output::Lines,
    err: output::Lines,
    /// Random bytes drawn before there is a run.
    early_draws: u64,
    /// `run` was called: from here on the code may wait.
    running: bool,
}

impl Default for Wasi {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self {
            table: Mutex::new(table),
            out: output::Lines::default(),
            err: output::Lines::default(),
            early_draws: 0,
            running: false,
        }
    }
}

impl Host {
    /// From here on the code may sleep.
    pub(crate) fn begin_run(&mut self) {
        self.wasi.running = true;
    }

    fn table(&mut self) -> &mut ResourceTable {
        self.wasi.table.get_mut()
    }

    fn keep<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        self.table().push(value).map_err(|_| {
            misuse(format!(
                "the workflow holds {MOST_RESOURCES} streams and pollables at once and wants \
                 one more; it must drop what it does not need"
            ))
        })
    }

    fn let_go<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<()> {
        self.table().delete(resource)?;
        Ok(())
    }
}

/// What is served, without versions. The rest of WASI is refused by name.
pub(crate) const SERVED_WASI: [&str; 18] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

/// Adds all of it.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    fn itself(host: &mut Host) -> &mut Host {
        host
    }
    wit_io::error::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_io::poll::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_io::streams::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_clocks::monotonic_clock::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_clocks::wall_clock::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_random::random::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_random::insecure::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_random::insecure_seed::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::environment::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::exit::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::stdin::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::stdout::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::stderr::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::terminal_input::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::terminal_output::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::terminal_stdin::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::terminal_stdout::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    wit_cli::terminal_stderr::add_to_linker::<Host, HasSelf<Host>>(linker, itself)?;
    Ok(())
}
