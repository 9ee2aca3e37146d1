//! How commands print: aligned text for people, Temporal's canonical JSON for
//! programs. Results go to standard output, everything else to standard error.

pub(crate) mod close;
pub(crate) mod event;
pub(crate) mod json;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;

use std::io::Write;

use clap::ValueEnum;

use crate::error::CliError;

/// What `--output` chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned text.
    #[default]
    Text,
    /// JSON: messages as protobuf's canonical JSON mapping writes them.
    Json,
}

/// Prints one line (or several) to standard output, and flushes: who watches a
/// run through a pipe sees each step when it happens.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n'))
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// Prints bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// Tells the user something that is not a result.
pub(crate) fn note(text: &str) {
    // Standard error may be closed; then there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `EVENT_TYPE_TIMER_FIRED` without its prefix, as `TimerFired`.
pub(crate) fn enum_label(name: &str, prefix: &str) -> String {
    let mut label = String::with_capacity(name.len());
    for word in name.strip_prefix(prefix).unwrap_or(name).split('_') {
        let mut letters = word.chars();
        label.extend(letters.next());
        label.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enum_names_read_as_in_the_temporal_command_line() {
        let prefix = "EVENT_TYPE_";
        assert_eq!(
            enum_label("EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", prefix),
            "WorkflowExecutionStarted"
        );
        assert_eq!(enum_label("", prefix), "");
    }
}
