//! Standard output and error: whole lines of the workflow's log, silent in replay and
//! bounded as the log is.

use crate::bindings::mainspring::workflow::logging::{Host as _, Level};
use crate::host::Host;

/// A line that gets longer is logged in pieces.
const LONGEST_LINE: usize = 16 * 1024;
/// What is kept of the last words to standard error, for the message of a trap.
const LAST_WORDS: usize = 2 * 1024;

/// Where a stream goes.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// To the log, as information.
    Standard,
    /// To the log, as warnings.
    Error,
}

/// A line that has no end yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes and gives the lines that are whole now.
    fn add(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut whole = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                whole.extend(self.take());
            } else {
                self.rest.push(*byte);
                if self.rest.len() >= LONGEST_LINE {
                    whole.extend(self.take());
                }
            }
        }
        whole
    }

    /// What is there of a line; nothing where it is empty.
    fn take(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.rest);
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

impl Host {
    /// The code writes to a stream.
    pub(super) fn print(&mut self, to: Output, bytes: &[u8]) -> wasmtime::Result<()> {
        let lines = match to {
            Output::Standard => self.wasi.out.add(bytes),
            Output::Error => self.wasi.err.add(bytes),
        };
        for line in lines {
            self.log_line(to, line)?;
        }
        Ok(())
    }

    /// The code waits or ends: half a line is one now.
    pub(crate) fn finish_output(&mut self) {
        for (to, line) in [
            (Output::Standard, self.wasi.out.take()),
            (Output::Error, self.wasi.err.take()),
        ] {
            if let Some(line) = line {
                // Logging fails only where it is called wrongly.
                let _ = self.log_line(to, line);
            }
        }
    }

    fn log_line(&mut self, to: Output, line: String) -> wasmtime::Result<()> {
        let level = match to {
            Output::Standard => Level::Info,
            Output::Error => {
                self.remember_words(&line);
                Level::Warn
            }
        };
        self.log(level, line, Vec::new())
    }

    /// Panics are told in several lines of standard error.
    fn remember_words(&mut self, line: &str) {
        match &mut self.last_error {
            Some(said) if said.len() + line.len() < LAST_WORDS => {
                said.push('\n');
                said.push_str(line);
            }
            said => *said = Some(line.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces_they_come_in() {
        let mut lines = Lines::default();
        assert!(lines.add(b"hel").is_empty());
        assert_eq!(lines.add(b"lo\r\n\nwor"), ["hello"]);
        assert_eq!(lines.take(), Some("wor".to_owned()));
        assert_eq!(lines.take(), None);
        let long = vec![b'x'; LONGEST_LINE + 1];
        assert_eq!(lines.add(&long).len(), 1, "a line without an end is cut");
    }
}
