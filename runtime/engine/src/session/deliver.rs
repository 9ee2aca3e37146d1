//! From recorded events to what the code hears.

use temporalio_protos::temporal::api::common::v1::Payloads;
use temporalio_protos::temporal::api::enums::v1::RetryState;
use temporalio_protos::temporal::api::history::v1::HistoryEvent;
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;

use super::Session;
use super::operations::Kind;
use crate::failure::{self, ActivityIdentity};
use crate::guest::{GuestEvent, Outcome};

impl Session {
    /// What the code hears of a recorded event, if anything. An operation that it
    /// answers counts as answered from here on; one that was answered before (a
    /// cancel that did not wait) is not heard of again.
    pub(super) fn deliverable(&mut self, event: &HistoryEvent) -> Option<GuestEvent> {
        match event.attributes.as_ref()? {
            Attributes::WorkflowExecutionSignaledEventAttributes(a) => Some(GuestEvent::Signal {
                name: a.signal_name.clone(),
                input: a.input.clone(),
                header: a.header.clone(),
                identity: a.identity.clone(),
                event_id: event.event_id,
            }),
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(a) => {
                Some(GuestEvent::CancelRequested {
                    reason: a.cause.clone(),
                })
            }
            Attributes::TimerFiredEventAttributes(a) => {
                self.resolve(a.started_event_id, |_| Outcome::Success(None))
            }
            Attributes::ActivityTaskCompletedEventAttributes(a) => {
                self.resolve(a.scheduled_event_id, |_| Outcome::Success(a.result.clone()))
            }
            Attributes::ActivityTaskFailedEventAttributes(a) => {
                self.resolve(a.scheduled_event_id, |about| {
                    let about = ActivityIdentity {
                        started_event_id: a.started_event_id,
                        identity: a.identity.clone(),
                        ..about
                    };
                    Outcome::Failed(failure::activity(
                        "activity task failed",
                        about,
                        a.retry_state(),
                        a.failure.clone(),
                    ))
                })
            }
            Attributes::ActivityTaskTimedOutEventAttributes(a) => {
                self.resolve(a.scheduled_event_id, |about| {
                    let about = ActivityIdentity {
                        started_event_id: a.started_event_id,
                        ..about
                    };
                    Outcome::TimedOut(failure::activity(
                        "activity task timed out",
                        about,
                        a.retry_state(),
                        a.failure.clone(),
                    ))
                })
            }
            Attributes::ActivityTaskCanceledEventAttributes(a) => {
                self.resolve(a.scheduled_event_id, |about| {
                    let about = ActivityIdentity {
                        started_event_id: a.started_event_id,
                        identity: a.identity.clone(),
                        ..about
                    };
                    canceled(about, a.details.clone())
                })
            }
            _ => self.deliverable_of_others(event),
        }
    }

    fn resolve(
        &mut self,
        event_id: i64,
        outcome: impl FnOnce(ActivityIdentity) -> Outcome,
    ) -> Option<GuestEvent> {
        let handle = *self.by_event.get(&event_id)?;
        let operation = self.forget(handle)?;
        let about = match operation.kind {
            Kind::Activity {
                activity_id,
                activity_type,
                ..
            } => ActivityIdentity {
                scheduled_event_id: event_id,
                activity_type,
                activity_id,
                ..ActivityIdentity::default()
            },
            Kind::Timer { .. }
            | Kind::Child(_)
            | Kind::SignalExternal { .. }
            | Kind::CancelExternal { .. } => ActivityIdentity::default(),
        };
        Some(GuestEvent::Resolved {
            handle,
            outcome: outcome(about),
        })
    }
}

fn canceled(about: ActivityIdentity, details: Option<Payloads>) -> Outcome {
    let cause = failure::canceled("activity canceled", details);
    Outcome::Cancelled(failure::activity(
        "activity canceled",
        about,
        RetryState::CancelRequested,
        Some(cause),
    ))
}
