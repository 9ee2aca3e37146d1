//! The flags of a workflow's own retry policy (LIF-09).

use std::time::Duration;

use clap::Args;
use temporalio_protos::temporal::api::common::v1::RetryPolicy;

use crate::cli::value;

/// What a start says of further attempts; no flag, no retry.
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Try the workflow again if it fails or times out, first after this long; 1 s if
    /// another --retry flag is given.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    retry_initial_interval: Option<Duration>,
    /// The longest wait between two attempts; by default 100 times the first.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    retry_maximum_interval: Option<Duration>,
    /// How much longer each wait is than the one before; 2 by default.
    #[arg(long, value_name = "1.0-")]
    retry_backoff_coefficient: Option<f64>,
    /// Attempts in all; 0 is without end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    retry_maximum_attempts: Option<i32>,
    /// A type of failure that is not tried again. May be repeated.
    #[arg(long, value_name = "TYPE")]
    retry_non_retryable_error_type: Vec<String>,
}

impl RetryArgs {
    /// The policy that the flags ask for.
    pub(crate) fn policy(&self) -> Option<RetryPolicy> {
        let asked = self.retry_initial_interval.is_some()
            || self.retry_maximum_interval.is_some()
            || self.retry_backoff_coefficient.is_some()
            || self.retry_maximum_attempts.is_some()
            || !self.retry_non_retryable_error_type.is_empty();
        asked.then(|| RetryPolicy {
            initial_interval: self.retry_initial_interval.map(value::wire_duration),
            backoff_coefficient: self.retry_backoff_coefficient.unwrap_or_default(),
            maximum_interval: self.retry_maximum_interval.map(value::wire_duration),
            maximum_attempts: self.retry_maximum_attempts.unwrap_or_default(),
            non_retryable_error_types: self.retry_non_retryable_error_type.clone(),
        })
    }
}
