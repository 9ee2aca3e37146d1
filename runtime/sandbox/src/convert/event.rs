//! What the code hears, and what it ends with.

use mainspring_engine::guest::{GuestEvent, Outcome};
use mainspring_engine::session::RunEnd;

use super::failure;
use super::payload::{header_to_wit, payloads_to_wire, payloads_to_wit};
use crate::bindings::RunOutcome;
use crate::bindings::mainspring::workflow::{events, types};

pub(crate) fn to_wit(event: GuestEvent) -> events::Event {
    match event {
        GuestEvent::Resolved { handle, outcome } => events::Event::Resolved(events::Resolution {
            handle,
            outcome: outcome_to_wit(outcome),
        }),
        GuestEvent::Started { handle, run_id } => events::Event::Started(events::StartNotice {
            handle,
            outcome: events::StartOutcome::Child(run_id),
        }),
        GuestEvent::Signal {
            name,
            input,
            header,
            identity,
            event_id,
        } => events::Event::Signal(events::Signal {
            name,
            input: payloads_to_wit(input),
            headers: header_to_wit(header),
            identity,
            event_id,
        }),
        GuestEvent::Query {
            id,
            name,
            arguments,
            header,
        } => events::Event::Query(events::Query {
            id,
            name,
            arguments: payloads_to_wit(arguments),
            headers: header_to_wit(header),
        }),
        GuestEvent::Update {
            id,
            name,
            input,
            header,
            identity,
            run_validator,
        } => events::Event::Update(events::Update {
            id,
            name,
            input: payloads_to_wit(input),
            headers: header_to_wit(header),
            identity,
            run_validator,
        }),
        GuestEvent::CancelRequested { reason } => events::Event::CancelRequested(reason),
    }
}

fn outcome_to_wit(outcome: Outcome) -> types::Outcome {
    match outcome {
        Outcome::Success(result) => types::Outcome::Success(payloads_to_wit(result)),
        Outcome::Failed(failure) => types::Outcome::Failed(failure::to_wit(failure)),
        Outcome::Cancelled(failure) => types::Outcome::Cancelled(failure::to_wit(failure)),
        Outcome::TimedOut(failure) => types::Outcome::TimedOut(failure::to_wit(failure)),
    }
}

/// `None`: the run continues as new; the session knows how.
pub(crate) fn end_of(outcome: RunOutcome) -> Option<RunEnd> {
    match outcome {
        RunOutcome::Completed(result) => Some(RunEnd::Completed(payloads_to_wire(result))),
        RunOutcome::Failed(failure) => Some(RunEnd::Failed(failure::to_wire(failure))),
        RunOutcome::Cancelled(details) => Some(RunEnd::Cancelled(payloads_to_wire(details))),
        RunOutcome::ContinuedAsNew => None,
    }
}
