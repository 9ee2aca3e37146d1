//! How operations are answered: the shape that the errors of activities, children and
//! messages share, and one answer as a future sees it.

use std::task::{Context, Poll};

use crate::bindings::mainspring::workflow::types::Outcome;
use crate::failure::{self, Failure};
use crate::operations::Operation;
use crate::payload::{self, FromPayloads, PayloadConversionError};

/// The error of one kind of operation.
pub(crate) trait OperationError: From<PayloadConversionError> {
    /// It failed or timed out for good.
    fn failed(failure: Failure) -> Self;

    /// It was cancelled.
    fn cancelled(failure: Failure) -> Self;
}

/// Defines the error of one kind of operation: what there is to know of it, in words
/// of its own.
macro_rules! operation_error {
    (
        $(#[$about:meta])* enum $name:ident;
        $(#[$about_failed:meta])* Failed;
        $(#[$about_cancelled:meta])* Cancelled;
        $(#[$about_serialization:meta])* Serialization;
        $(#[$about_cause:meta])* fn cause;
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, thiserror::Error)]
        #[non_exhaustive]
        pub enum $name {
            $(#[$about_failed])*
            #[error("{0}")]
            Failed(#[source] $crate::failure::Failure),
            $(#[$about_cancelled])*
            #[error("{0}")]
            Cancelled(#[source] $crate::failure::Failure),
            $(#[$about_serialization])*
            #[error(transparent)]
            Serialization(#[from] $crate::payload::PayloadConversionError),
        }

        impl $name {
            /// The failure tree, unless the values did not convert.
            pub fn failure(&self) -> Option<&$crate::failure::Failure> {
                match self {
                    Self::Failed(failure) | Self::Cancelled(failure) => Some(failure),
                    Self::Serialization(_) => None,
                }
            }

            $(#[$about_cause])*
            pub fn cause(&self) -> Option<&$crate::failure::Failure> {
                self.failure()?.cause.as_ref()
            }

            /// The timeout, if that is what ended it.
            pub fn as_timeout(&self) -> Option<$crate::TimeoutType> {
                self.failure()?.as_timeout()
            }

            /// Whether it was cancelled.
            pub fn is_cancelled(&self) -> bool {
                matches!(self, Self::Cancelled(_))
            }
        }

        impl $crate::answer::OperationError for $name {
            fn failed(failure: $crate::failure::Failure) -> Self {
                Self::Failed(failure)
            }

            fn cancelled(failure: $crate::failure::Failure) -> Self {
                Self::Cancelled(failure)
            }
        }
    };
}

pub(crate) use operation_error;

/// What an outcome means to the code.
pub(crate) fn read<O: FromPayloads, E: OperationError>(outcome: Outcome) -> Result<O, E> {
    match outcome {
        Outcome::Success(result) => Ok(O::from_payloads(&payload::from_wire(result))?),
        Outcome::Cancelled(failure) => Err(E::cancelled(failure::from_wire(failure))),
        Outcome::Failed(failure) | Outcome::TimedOut(failure) => {
            Err(E::failed(failure::from_wire(failure)))
        }
    }
}

/// The answer of one operation that one future waits for.
pub(crate) enum Answer<E> {
    /// It was never asked for: the arguments did not convert or the scope was
    /// cancelled.
    Refused(Option<E>),
    /// It is on its way.
    Asked(Operation),
    /// It was told.
    Told,
}

impl<E: OperationError> Answer<E> {
    /// The scope was cancelled before the operation was asked for.
    pub(crate) fn scope_cancelled(message: String) -> Self {
        Self::refused(E::cancelled(Failure::cancelled(message, Vec::new())))
    }

    pub(crate) fn refused(error: E) -> Self {
        Self::Refused(Some(error))
    }

    /// Tells the answer once.
    pub(crate) fn poll<O: FromPayloads>(&mut self, context: &Context<'_>) -> Poll<Result<O, E>> {
        let result = match self {
            Self::Refused(error) => Err(error
                .take()
                .expect("a refusal is replaced by Told when it is reported")),
            Self::Asked(operation) => match operation.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => read(outcome),
            },
            Self::Told => return Poll::Pending,
        };
        *self = Self::Told;
        Poll::Ready(result)
    }

    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Told)
    }
}
