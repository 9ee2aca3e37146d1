//! The workflow log: silent in replay, so each line appears once (WF-20).
//!
//! ```no_run
//! use mainspring_workflow::logging;
//!
//! logging::info("payment charged");
//! logging::log(logging::Level::Warn, "stock is low", &[("sku", "A-17"), ("left", "3")]);
//! ```

use crate::bindings::mainspring::workflow::logging as wire;
use crate::host;

pub use wire::Level;

/// Writes a line with fields beside the message. A message over 16 KiB is cut.
pub fn log(level: Level, message: impl AsRef<str>, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    host::log(level, message.as_ref(), &fields);
}

/// Writes a line at trace level.
pub fn trace(message: impl AsRef<str>) {
    log(Level::Trace, message, &[]);
}

/// Writes a line at debug level.
pub fn debug(message: impl AsRef<str>) {
    log(Level::Debug, message, &[]);
}

/// Writes a line at info level.
pub fn info(message: impl AsRef<str>) {
    log(Level::Info, message, &[]);
}

/// Writes a line at warn level.
pub fn warn(message: impl AsRef<str>) {
    log(Level::Warn, message, &[]);
}

/// Writes a line at error level.
pub fn error(message: impl AsRef<str>) {
    log(Level::Error, message, &[]);
}
