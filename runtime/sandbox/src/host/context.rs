//! Clock, randomness, log.

use super::{Host, LogBudget, fault};
use crate::bindings::mainspring::workflow::logging::Level;
use crate::bindings::mainspring::workflow::{clock, logging, random};

/// A log message is cut to this many bytes.
const LONGEST_MESSAGE: usize = 16 * 1024;
/// What a line of the log counts at least, in bytes.
const LEAST_LINE: usize = 100;

impl clock::Host for Host {
    fn now(&mut self) -> wasmtime::Result<i64> {
        Ok(self.session()?.now().as_nanos())
    }
}

impl random::Host for Host {
    fn next_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.session()?.random_u64())
    }

    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.session()?.random_bytes(length).map_err(fault)
    }
}

impl logging::Host for Host {
    fn log(
        &mut self,
        level: Level,
        mut message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        cut(&mut message);
        if matches!(level, Level::Error) {
            // An SDK that logs a panic names its place in a field of that name.
            let place = fields.iter().find(|(name, _)| name == "panic");
            self.last_error = Some(match place {
                Some((_, place)) => format!("{message} (at {place})"),
                None => message.clone(),
            });
        }
        let (key, run_id) = match &self.session {
            None => (None, None),
            Some(session) => {
                let session = session.lock();
                if session.is_replaying() {
                    return Ok(());
                }
                let facts = session.facts();
                (Some(facts.key.clone()), Some(facts.run_id))
            }
        };
        let workflow = key.map(|key| key.to_string()).unwrap_or_default();
        let run_id = run_id.map(|run_id| run_id.to_string()).unwrap_or_default();
        let fields_bytes: usize = fields.iter().map(|(k, v)| k.len() + v.len()).sum();
        match self.log.take(message.len().saturating_add(fields_bytes)) {
            Allowed::Yes => {}
            Allowed::No => return Ok(()),
            Allowed::NoMore => {
                let limit = self.log.limit_bytes;
                tracing::warn!(
                    workflow,
                    run_id,
                    "the workflow logs more than {limit} bytes before it waits again \
                     (limit task-log-bytes); the rest is dropped"
                );
                return Ok(());
            }
        }
        let fields = tracing::field::debug(&fields);
        match level {
            Level::Trace => {
                tracing::trace!(target: "workflow", workflow, run_id, fields, "{message}")
            }
            Level::Debug => {
                tracing::debug!(target: "workflow", workflow, run_id, fields, "{message}")
            }
            Level::Info => {
                tracing::info!(target: "workflow", workflow, run_id, fields, "{message}")
            }
            Level::Warn => {
                tracing::warn!(target: "workflow", workflow, run_id, fields, "{message}")
            }
            Level::Error => {
                tracing::error!(target: "workflow", workflow, run_id, fields, "{message}")
            }
        }
        Ok(())
    }
}

/// Whether something may be logged.
enum Allowed {
    Yes,
    /// The budget has just been used up.
    NoMore,
    No,
}

impl LogBudget {
    fn take(&mut self, bytes: usize) -> Allowed {
        // A line costs something even if it is empty.
        match self.left_bytes.checked_sub(bytes.max(LEAST_LINE)) {
            Some(left) if !self.exhausted => {
                self.left_bytes = left;
                Allowed::Yes
            }
            _ if std::mem::replace(&mut self.exhausted, true) => Allowed::No,
            _ => Allowed::NoMore,
        }
    }
}

fn cut(message: &mut String) {
    if message.len() > LONGEST_MESSAGE {
        let mut end = LONGEST_MESSAGE;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
    }
}
