//! Mocked activities: what an attempt does, and what follows a failed one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::activity::RetryPolicy;
use crate::bindings::mainspring::workflow::activities::ActivityOptions;
use crate::duration;
use crate::failure::{ApplicationFailure, Failure, FailureKind, RetryState, TimeoutType};
use crate::payload::Payload;
use crate::testing::children::Others;

type Behaviour = Box<dyn FnMut(&[Payload]) -> Result<Vec<Payload>, ApplicationFailure>>;

struct Mock {
    behaviour: Behaviour,
    takes: Duration,
    stops_on_cancel: bool,
}

/// The mocks of an environment.
#[derive(Default)]
pub(crate) struct Mocks {
    activities: BTreeMap<String, Mock>,
    /// Other workflows.
    pub(crate) others: Others,
}

impl Mocks {
    /// Runs one attempt: how long it takes and what comes of it.
    pub(crate) fn attempt(&mut self, options: &ActivityOptions) -> (Duration, AttemptResult) {
        let name = &options.activity_type;
        let Some(mock) = self.activities.get_mut(name) else {
            panic!("the workflow calls activity {name:?}, which has no mock; add env.activity(…)");
        };
        let timeout = options.start_to_close_timeout.map(duration::from_ns);
        match timeout {
            Some(timeout) if mock.takes > timeout => {
                let kind = FailureKind::Timeout {
                    timeout_type: TimeoutType::StartToClose,
                    last_heartbeat_details: Vec::new(),
                };
                (
                    timeout,
                    Err(Failure::new("activity StartToClose timeout", kind)),
                )
            }
            _ => {
                let input = crate::payload::from_wire(options.input.clone());
                (mock.takes, (mock.behaviour)(&input).map_err(Into::into))
            }
        }
    }

    /// Whether an attempt that is under way stops when a cancel reaches it.
    pub(crate) fn stops_on_cancel(&self, activity_type: &str) -> bool {
        self.activities
            .get(activity_type)
            .is_some_and(|mock| mock.stops_on_cancel)
    }
}

/// What came of one attempt.
pub(crate) type AttemptResult = Result<Vec<Payload>, Failure>;

/// A registered mock, for what is particular about it.
pub struct ActivityMock {
    mocks: Rc<RefCell<Mocks>>,
    name: String,
}

impl ActivityMock {
    pub(crate) fn register(mocks: &Rc<RefCell<Mocks>>, name: &str, behaviour: Behaviour) -> Self {
        let mock = Mock {
            behaviour,
            takes: Duration::ZERO,
            stops_on_cancel: false,
        };
        mocks.borrow_mut().activities.insert(name.to_owned(), mock);
        Self {
            mocks: mocks.clone(),
            name: name.to_owned(),
        }
    }

    /// How long an attempt takes in virtual time. An attempt longer than its
    /// start-to-close timeout times out, and its closure is not called.
    pub fn takes(self, time: Duration) -> Self {
        self.change(|mock| mock.takes = time)
    }

    /// Whether an attempt that is under way stops when a cancel reaches it, as an
    /// activity does that heartbeats. Matters for
    /// [`WaitCancellationCompleted`](crate::ActivityCancellationType::WaitCancellationCompleted).
    pub fn stops_on_cancel(self) -> Self {
        self.change(|mock| mock.stops_on_cancel = true)
    }

    fn change(self, change: impl FnOnce(&mut Mock)) -> Self {
        if let Some(mock) = self.mocks.borrow_mut().activities.get_mut(&self.name) {
            change(mock);
        }
        self
    }
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    Retry(Duration),
    Close(RetryState),
}

/// Decides by the rules that the server has (ACT-08..11). `elapsed` counts from
/// the scheduling; a retry that would start after schedule-to-close is not made.
pub(crate) fn after_failure(
    policy: &RetryPolicy,
    attempt: u32,
    failure: &Failure,
    elapsed: Duration,
    schedule_to_close: Option<Duration>,
) -> Next {
    let excluded = |name: &str| {
        policy
            .non_retryable_error_types
            .iter()
            .any(|known| known == name)
    };
    let (retryable, own_delay) = match &failure.kind {
        FailureKind::Application {
            error_type,
            non_retryable,
            next_retry_delay,
            ..
        } => (!non_retryable && !excluded(error_type), *next_retry_delay),
        FailureKind::Timeout {
            timeout_type: TimeoutType::StartToClose,
            ..
        } => (!excluded("TemporalTimeout:StartToClose"), None),
        _ => (false, None),
    };
    if !retryable {
        return Next::Close(RetryState::NonRetryableFailure);
    }
    if policy.maximum_attempts > 0 && attempt >= policy.maximum_attempts {
        return Next::Close(RetryState::MaximumAttemptsReached);
    }
    let delay = own_delay.unwrap_or_else(|| interval(policy, attempt));
    match schedule_to_close {
        Some(limit) if elapsed + delay > limit => Next::Close(RetryState::Timeout),
        _ => Next::Retry(delay),
    }
}

/// The wait after the attempt of this number: min(initial × coefficient^(n-1), maximum).
fn interval(policy: &RetryPolicy, attempt: u32) -> Duration {
    let maximum = policy
        .maximum_interval
        .unwrap_or(policy.initial_interval.saturating_mul(100));
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let factor = policy.backoff_coefficient.powi(exponent);
    Duration::try_from_secs_f64(policy.initial_interval.as_secs_f64() * factor)
        .unwrap_or(Duration::MAX)
        .min(maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Failure {
        ApplicationFailure::builder("no")
            .type_name("CardDeclined")
            .build()
            .into()
    }

    #[test]
    fn waits_double_up_to_the_maximum() {
        let policy = RetryPolicy {
            initial_interval: Duration::from_secs(2),
            maximum_interval: Some(Duration::from_secs(60)),
            ..RetryPolicy::default()
        };
        let waits = (1..=7).map(|attempt| interval(&policy, attempt).as_secs());
        assert_eq!(waits.collect::<Vec<_>>(), [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            interval(&RetryPolicy::default(), 30),
            Duration::from_secs(100)
        );
    }

    #[test]
    fn retries_end_for_the_reason_that_comes_first() {
        let decide = |policy: &RetryPolicy, failure: &Failure, limit| {
            after_failure(policy, 3, failure, Duration::from_secs(10), limit)
        };
        let policy = RetryPolicy::default();
        assert_eq!(
            decide(&policy, &failed(), None),
            Next::Retry(Duration::from_secs(4))
        );
        let limit = Some(Duration::from_secs(13));
        assert_eq!(
            decide(&policy, &failed(), limit),
            Next::Close(RetryState::Timeout)
        );
        let three = RetryPolicy {
            maximum_attempts: 3,
            ..policy.clone()
        };
        assert_eq!(
            decide(&three, &failed(), None),
            Next::Close(RetryState::MaximumAttemptsReached)
        );
        let listed = RetryPolicy {
            non_retryable_error_types: vec!["CardDeclined".into()],
            ..policy
        };
        assert_eq!(
            decide(&listed, &failed(), None),
            Next::Close(RetryState::NonRetryableFailure)
        );
    }
}
