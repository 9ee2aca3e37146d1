//! Set-up, tests and the demonstration, one command each:
//!
//! - `cargo xtask order` plays the order story: builds, uploads, runs, kills the
//!   worker and the server, and shows one charge at the end.
//! - `cargo xtask test` runs every check and test, in stages with their durations.
//!
//! Both install what they need. Plain standard library, so that it builds in a
//! second.

mod order;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["order", flags @ ..] => order::play(flags),
        ["test", flags @ ..] => test::run(flags),
        _ => Err(
            "usage: cargo xtask order [--profile release] | cargo xtask test [--fast]".to_owned(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
