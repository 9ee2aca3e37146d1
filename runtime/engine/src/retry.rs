//! When a failed attempt is tried again, and why not (ACT-08..11).

use std::time::Duration;

use temporalio_protos::temporal::api::common::v1::RetryPolicy;
use temporalio_protos::temporal::api::enums::v1::{RetryState, TimeoutType};
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::failure::v1::failure::FailureInfo;

use crate::failure::timeout_name;
use crate::time::{Timestamp, set_duration, wire_duration};

/// The default first interval.
const INITIAL_INTERVAL: Duration = Duration::from_secs(1);
/// The default factor from one interval to the next.
const BACKOFF_COEFFICIENT: f64 = 2.0;
/// The default longest interval, in first intervals.
const MAXIMUM_INTERVAL_FACTOR: u32 = 100;

/// Fills the defaults of ACT-08 in. `None` is the default policy.
pub fn with_defaults(policy: Option<RetryPolicy>) -> RetryPolicy {
    let mut policy = policy.unwrap_or_default();
    let initial = set_duration(policy.initial_interval.as_ref()).unwrap_or(INITIAL_INTERVAL);
    policy.initial_interval = Some(wire_duration(initial));
    if policy.backoff_coefficient == 0.0 {
        policy.backoff_coefficient = BACKOFF_COEFFICIENT;
    }
    if set_duration(policy.maximum_interval.as_ref()).is_none() {
        let longest = initial.saturating_mul(MAXIMUM_INTERVAL_FACTOR);
        policy.maximum_interval = Some(wire_duration(longest));
    }
    policy
}

/// What is wrong with a policy, if anything.
pub fn check(policy: &RetryPolicy) -> Result<(), String> {
    let is_negative = |duration: &Option<_>| {
        duration
            .as_ref()
            .is_some_and(|d: &prost_wkt_types::Duration| d.seconds < 0 || d.nanos < 0)
    };
    if is_negative(&policy.initial_interval) || is_negative(&policy.maximum_interval) {
        return Err("a retry interval cannot be negative".to_owned());
    }
    let coefficient = policy.backoff_coefficient;
    if coefficient != 0.0 && !(coefficient >= 1.0 && coefficient.is_finite()) {
        return Err(format!(
            "the retry policy's backoff coefficient is {coefficient}; it must be 1 or more"
        ));
    }
    if policy.maximum_attempts < 0 {
        return Err(format!(
            "the retry policy's maximum attempts are {}; use 0 for unlimited, 1 for no retry",
            policy.maximum_attempts
        ));
    }
    let maximum = set_duration(policy.maximum_interval.as_ref());
    let initial = set_duration(policy.initial_interval.as_ref());
    if let (Some(maximum), Some(initial)) = (maximum, initial)
        && maximum < initial
    {
        return Err(format!(
            "the retry policy's maximum interval ({maximum:?}) is shorter than its initial \
             interval ({initial:?})"
        ));
    }
    Ok(())
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt at this time.
    RetryAt(Timestamp),
    /// No further attempt, for this reason.
    GiveUp(RetryState),
}

/// The facts that decide.
#[derive(Clone, Copy, Debug)]
pub struct FailedAttempt<'a> {
    /// The policy, defaults filled in.
    pub policy: &'a RetryPolicy,
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// Why it failed.
    pub failure: &'a Failure,
    /// No attempt may begin after this.
    pub deadline: Option<Timestamp>,
    /// Somebody asked for a cancel: no further attempt.
    pub cancel_requested: bool,
}

/// Decides by ACT-08..11.
pub fn decide(failed: FailedAttempt<'_>, now: Timestamp) -> Verdict {
    if failed.cancel_requested {
        return Verdict::GiveUp(RetryState::CancelRequested);
    }
    if !is_retryable(failed.failure, &failed.policy.non_retryable_error_types) {
        return Verdict::GiveUp(RetryState::NonRetryableFailure);
    }
    let most = u32::try_from(failed.policy.maximum_attempts).unwrap_or(0);
    if most > 0 && failed.attempt >= most {
        return Verdict::GiveUp(RetryState::MaximumAttemptsReached);
    }
    let wait =
        asked_delay(failed.failure).unwrap_or_else(|| interval(failed.policy, failed.attempt));
    let at = now + wait;
    if failed.deadline.is_some_and(|deadline| at >= deadline) {
        return Verdict::GiveUp(RetryState::Timeout);
    }
    Verdict::RetryAt(at)
}

/// `min(initial × coefficient^(attempt - 1), maximum)`.
fn interval(policy: &RetryPolicy, attempt: u32) -> Duration {
    let initial = set_duration(policy.initial_interval.as_ref()).unwrap_or(INITIAL_INTERVAL);
    let longest = set_duration(policy.maximum_interval.as_ref())
        .unwrap_or(initial.saturating_mul(MAXIMUM_INTERVAL_FACTOR));
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = initial.as_secs_f64() * policy.backoff_coefficient.powi(exponent);
    // Past any maximum the exact value does not matter, and it may be infinite.
    match Duration::try_from_secs_f64(seconds) {
        Ok(interval) => interval.min(longest),
        Err(_) => longest,
    }
}

/// The delay that the failure itself asks for (ACT-10).
fn asked_delay(failure: &Failure) -> Option<Duration> {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            set_duration(info.next_retry_delay.as_ref())
        }
        _ => None,
    }
}

/// ACT-09 and the types that the policy names.
fn is_retryable(failure: &Failure, non_retryable_types: &[String]) -> bool {
    let named = |name: &str| non_retryable_types.iter().any(|listed| listed == name);
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            !info.non_retryable && !named(&info.r#type)
        }
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            let timeout = TimeoutType::try_from(info.timeout_type).unwrap_or_default();
            match timeout {
                TimeoutType::StartToClose | TimeoutType::Heartbeat => {
                    !named(&format!("TemporalTimeout:{}", timeout_name(timeout)))
                }
                TimeoutType::Unspecified
                | TimeoutType::ScheduleToStart
                | TimeoutType::ScheduleToClose => false,
            }
        }
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::CanceledFailureInfo(_) | FailureInfo::TerminatedFailureInfo(_)) => false,
        // What a worker reports without saying what it is may well pass.
        Some(
            FailureInfo::ResetWorkflowFailureInfo(_)
            | FailureInfo::ActivityFailureInfo(_)
            | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
            | FailureInfo::NexusOperationExecutionFailureInfo(_)
            | FailureInfo::NexusHandlerFailureInfo(_),
        )
        | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure;

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

    fn oops() -> Failure {
        failure::application("oops".into(), "Oops", String::new())
    }

    fn verdict(policy: Option<RetryPolicy>, attempt: u32, failure: &Failure) -> Verdict {
        decide(
            FailedAttempt {
                policy: &with_defaults(policy),
                attempt,
                failure,
                deadline: None,
                cancel_requested: false,
            },
            NOW,
        )
    }

    fn after(seconds: u64) -> Verdict {
        Verdict::RetryAt(NOW + Duration::from_secs(seconds))
    }

    #[test]
    fn act_08_defaults_are_1s_doubling_up_to_100s_without_end() {
        let oops = oops();
        assert_eq!(verdict(None, 1, &oops), after(1));
        assert_eq!(verdict(None, 2, &oops), after(2));
        assert_eq!(verdict(None, 7, &oops), after(64));
        assert_eq!(verdict(None, 8, &oops), after(100));
        assert_eq!(verdict(None, u32::MAX, &oops), after(100));
    }

    #[test]
    fn act_08_maximum_attempts_counts_the_first() {
        let policy = RetryPolicy {
            maximum_attempts: 2,
            ..RetryPolicy::default()
        };
        assert_eq!(verdict(Some(policy.clone()), 1, &oops()), after(1));
        assert_eq!(
            verdict(Some(policy), 2, &oops()),
            Verdict::GiveUp(RetryState::MaximumAttemptsReached)
        );
    }

    #[test]
    fn act_08_listed_types_are_matched_exactly() {
        let policy = |name: &str| {
            Some(RetryPolicy {
                non_retryable_error_types: vec![name.to_owned()],
                ..RetryPolicy::default()
            })
        };
        let no = Verdict::GiveUp(RetryState::NonRetryableFailure);
        assert_eq!(verdict(policy("Oops"), 1, &oops()), no);
        assert_eq!(verdict(policy("oops"), 1, &oops()), after(1));
        let timeout = failure::activity_timeout(TimeoutType::Heartbeat, None, None);
        assert_eq!(
            verdict(policy("TemporalTimeout:Heartbeat"), 1, &timeout),
            no
        );
        assert_eq!(
            verdict(policy("TemporalTimeout:StartToClose"), 1, &timeout),
            after(1)
        );
    }

    #[test]
    fn act_09_cancelled_and_queue_timeouts_are_never_retried() {
        let no = Verdict::GiveUp(RetryState::NonRetryableFailure);
        for timeout in [TimeoutType::ScheduleToStart, TimeoutType::ScheduleToClose] {
            assert_eq!(
                verdict(None, 1, &failure::activity_timeout(timeout, None, None)),
                no
            );
        }
        assert_eq!(verdict(None, 1, &failure::canceled("c", None)), no);
    }

    #[test]
    fn act_10_a_failure_may_ask_for_its_own_delay() {
        let mut failure = oops();
        if let Some(FailureInfo::ApplicationFailureInfo(info)) = &mut failure.failure_info {
            info.next_retry_delay = Some(wire_duration(Duration::from_secs(7)));
        }
        assert_eq!(verdict(None, 3, &failure), after(7));
    }

    #[test]
    fn act_11_a_retry_past_the_deadline_is_given_up() {
        let policy = with_defaults(None);
        let failed = FailedAttempt {
            policy: &policy,
            attempt: 1,
            failure: &oops(),
            deadline: Some(NOW + Duration::from_millis(900)),
            cancel_requested: false,
        };
        assert_eq!(decide(failed, NOW), Verdict::GiveUp(RetryState::Timeout));
        let cancelled = FailedAttempt {
            cancel_requested: true,
            ..failed
        };
        assert_eq!(
            decide(cancelled, NOW),
            Verdict::GiveUp(RetryState::CancelRequested)
        );
    }

    #[test]
    fn broken_policies_are_named() {
        let broken = [
            RetryPolicy {
                maximum_attempts: -1,
                ..RetryPolicy::default()
            },
            RetryPolicy {
                backoff_coefficient: 0.5,
                ..RetryPolicy::default()
            },
            RetryPolicy {
                initial_interval: Some(wire_duration(Duration::from_secs(2))),
                maximum_interval: Some(wire_duration(Duration::from_secs(1))),
                ..RetryPolicy::default()
            },
        ];
        for policy in broken {
            assert!(check(&policy).is_err(), "{policy:?}");
        }
        assert!(check(&RetryPolicy::default()).is_ok());
    }
}
