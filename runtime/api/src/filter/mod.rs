//! The list filter: what people write after `--query`.
//!
//! ```text
//! filter     = [ disjunction ]
//! disjunction = conjunction { OR conjunction }        (OR: not served yet)
//! conjunction = factor { AND factor }
//! factor      = "(" disjunction ")" | condition
//! condition   = attribute comparison value
//! comparison  = "=" | "<" | "<=" | ">" | ">="
//! ```
//!
//! Errors say at which character they are.

mod lexer;
mod parser;

pub(crate) use self::parser::{GroupBy, parse, parse_count};

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
