//! The list filter: what people write after `--query` (VIS-01).
//!
//! ```text
//! query       = [ disjunction ] [ GROUP BY attribute ] [ ORDER BY attribute [ ASC | DESC ] ]
//! disjunction = conjunction { OR conjunction }
//! conjunction = factor { AND factor }
//! factor      = NOT factor | "(" disjunction ")" | condition
//! condition   = attribute ( "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
//!             | attribute [ NOT ] IN "(" value { "," value } ")"
//!             | attribute [ NOT ] BETWEEN value AND value
//!             | attribute [ NOT ] STARTS_WITH value
//!             | attribute IS [ NOT ] NULL
//! value       = text | number | TRUE | FALSE | NOW "(" ")" [ ( "+" | "-" ) duration ]
//! ```
//!
//! Keywords are read in any case, attributes only as they are written: those that every
//! run has, and the search attributes of the namespace. The
//! [`parser`] reads the grammar, [`values`] reads each value as its attribute's kind.
//! Errors say at which character they are.

mod durations;
mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use self::parser::{Context, GroupBy, parse, parse_count};
pub(crate) use self::values::is_reserved;

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid query at character {position}: {message}")]
pub(crate) struct FilterError {
    /// The character, from 1.
    pub(crate) position: usize,
    /// What is wrong there.
    pub(crate) message: String,
}

impl From<FilterError> for tonic::Status {
    fn from(error: FilterError) -> Self {
        tonic::Status::invalid_argument(error.to_string())
    }
}
