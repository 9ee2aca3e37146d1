//! How a run ended, read off its last event.

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Close {
    /// The end itself.
    pub(crate) end: End,
    /// The run that goes on in its place (a retry, the next of a cron, a
    /// continue-as-new); empty if the chain ends here.
    pub(crate) successor: String,
}

/// The ways to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With a result.
    Completed(Option<Payloads>),
    /// With a failure.
    Failed(Box<Failure>),
    /// Cancelled, with the details that the code left.
    Canceled(Option<Payloads>),
    /// Stopped from outside, with the reason given.
    Terminated(String),
    /// By the run or execution timeout.
    TimedOut,
    /// By continuing as a new run.
    ContinuedAsNew,
}

impl Close {
    /// What `event` says, or none if it does not end a run.
    pub(crate) fn of(event: &HistoryEvent) -> Option<Self> {
        let (end, successor) = match event.attributes.as_ref()? {
            Attributes::WorkflowExecutionCompletedEventAttributes(done) => (
                End::Completed(done.result.clone()),
                &done.new_execution_run_id,
            ),
            Attributes::WorkflowExecutionFailedEventAttributes(failed) => (
                End::Failed(Box::new(failed.failure.clone().unwrap_or_default())),
                &failed.new_execution_run_id,
            ),
            Attributes::WorkflowExecutionTimedOutEventAttributes(late) => {
                (End::TimedOut, &late.new_execution_run_id)
            }
            Attributes::WorkflowExecutionContinuedAsNewEventAttributes(next) => {
                (End::ContinuedAsNew, &next.new_execution_run_id)
            }
            Attributes::WorkflowExecutionCanceledEventAttributes(canceled) => {
                return Some(Self::last(End::Canceled(canceled.details.clone())));
            }
            Attributes::WorkflowExecutionTerminatedEventAttributes(stopped) => {
                return Some(Self::last(End::Terminated(stopped.reason.clone())));
            }
            _ => return None,
        };
        Some(Self {
            end,
            successor: successor.clone(),
        })
    }

    fn last(end: End) -> Self {
        Self {
            end,
            successor: String::new(),
        }
    }
}

impl End {
    /// The status as the `temporal` command line names it.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Completed(_) => "COMPLETED",
            Self::Failed(_) => "FAILED",
            Self::Canceled(_) => "CANCELED",
            Self::Terminated(_) => "TERMINATED",
            Self::TimedOut => "TIMED_OUT",
            Self::ContinuedAsNew => "CONTINUED_AS_NEW",
        }
    }

    /// For "workflow X …", or none if the end is a good one.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Completed(_) | Self::ContinuedAsNew => None,
            Self::Failed(_) => Some("failed"),
            Self::Canceled(_) => Some("was canceled"),
            Self::Terminated(_) => Some("was terminated"),
            Self::TimedOut => Some("timed out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::history::v1::{
        TimerFiredEventAttributes, WorkflowExecutionFailedEventAttributes,
    };

    use super::*;

    fn event(attributes: Attributes) -> HistoryEvent {
        HistoryEvent {
            attributes: Some(attributes),
            ..HistoryEvent::default()
        }
    }

    #[test]
    fn a_retried_failure_names_its_successor() {
        let failed = WorkflowExecutionFailedEventAttributes {
            new_execution_run_id: "next".to_owned(),
            ..WorkflowExecutionFailedEventAttributes::default()
        };
        let close = Close::of(&event(Attributes::WorkflowExecutionFailedEventAttributes(
            failed,
        )))
        .unwrap();
        assert_eq!(close.successor, "next");
        assert_eq!(close.end.status(), "FAILED");
        assert_eq!(close.end.trouble(), Some("failed"));
    }

    #[test]
    fn other_events_end_nothing() {
        let fired = TimerFiredEventAttributes::default();
        assert_eq!(
            Close::of(&event(Attributes::TimerFiredEventAttributes(fired))),
            None
        );
        assert_eq!(Close::of(&HistoryEvent::default()), None);
    }
}
