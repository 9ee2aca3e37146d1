//! Messages to a run: signals, cancel requests, termination.

use temporalio_protos::temporal::api::common::v1::{Header, Payloads, WorkflowExecution};
use temporalio_protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_protos::temporal::api::history::v1::{
    WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionSignaledEventAttributes,
    WorkflowExecutionTerminatedEventAttributes,
};

use super::{InputError, Run};
use crate::time::Timestamp;

/// A signal on its way into a history.
#[derive(Clone, Debug, Default)]
pub struct SignalInput {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Its headers.
    pub header: Option<Header>,
    /// Who sends it.
    pub identity: String,
    /// Remembered for deduplication (MSG-02); empty: not.
    pub request_id: String,
    /// The run that sends it, if one does (WF-16).
    pub sender: Option<WorkflowExecution>,
}

impl Run {
    /// Records a signal (MSG-01). The caller has checked that its request ID is
    /// new to this run.
    pub fn signal(&mut self, now: Timestamp, signal: SignalInput) -> Result<(), InputError> {
        self.take_input()?;
        self.note_message();
        if !signal.request_id.is_empty() {
            self.staged.request_ids.push(signal.request_id.clone());
        }
        self.record_event(
            now,
            Attributes::WorkflowExecutionSignaledEventAttributes(
                WorkflowExecutionSignaledEventAttributes {
                    signal_name: signal.name,
                    input: signal.input,
                    identity: signal.identity,
                    header: signal.header,
                    request_id: signal.request_id,
                    external_workflow_execution: signal.sender,
                    ..WorkflowExecutionSignaledEventAttributes::default()
                },
            ),
        );
        Ok(())
    }

    /// Whether this step has already taken a message with this request ID.
    pub fn took_request(&self, request_id: &str) -> bool {
        self.staged.request_ids.iter().any(|id| id == request_id)
    }

    /// Records a cancel request (LIF-11); a repeated one changes nothing.
    pub fn request_cancel(
        &mut self,
        now: Timestamp,
        reason: String,
        identity: String,
    ) -> Result<(), InputError> {
        if self.is_open() && self.record.cancel_requested {
            return Ok(());
        }
        self.take_input()?;
        // The code decides what a cancel means, so it has to run.
        self.end_backoff();
        self.record_event(
            now,
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(
                WorkflowExecutionCancelRequestedEventAttributes {
                    cause: reason,
                    identity,
                    ..WorkflowExecutionCancelRequestedEventAttributes::default()
                },
            ),
        );
        Ok(())
    }

    /// Records the cancel request of another run, made by this event of it.
    pub fn request_cancel_by_run(
        &mut self,
        now: Timestamp,
        reason: String,
        sender: WorkflowExecution,
        initiated_event_id: i64,
    ) -> Result<(), InputError> {
        if self.is_open() && self.record.cancel_requested {
            return Ok(());
        }
        self.take_input()?;
        // As for a client's request.
        self.end_backoff();
        self.record_event(
            now,
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(
                WorkflowExecutionCancelRequestedEventAttributes {
                    cause: reason,
                    external_initiated_event_id: initiated_event_id,
                    external_workflow_execution: Some(sender),
                    ..WorkflowExecutionCancelRequestedEventAttributes::default()
                },
            ),
        );
        Ok(())
    }

    /// Closes the run at once, whatever state it is in (LIF-12).
    pub fn terminate(
        &mut self,
        now: Timestamp,
        reason: String,
        details: Option<Payloads>,
        identity: String,
    ) -> Result<(), InputError> {
        if !self.is_open() {
            return Err(InputError::RunClosed);
        }
        self.record_event(
            now,
            Attributes::WorkflowExecutionTerminatedEventAttributes(
                WorkflowExecutionTerminatedEventAttributes {
                    reason,
                    details,
                    identity,
                },
            ),
        );
        Ok(())
    }

    /// Whether the run takes an input that makes its history longer.
    pub(super) fn take_input(&self) -> Result<(), InputError> {
        if !self.is_open() {
            return Err(InputError::RunClosed);
        }
        if self.record.next_event_id > self.limits.history_events {
            return Err(InputError::Limit(format!(
                "the history of run {} has reached {} events (limit history-events); \
                 terminate it, or raise the limit",
                self.run_id, self.limits.history_events
            )));
        }
        if self.record.history_size_bytes > self.limits.history_bytes {
            return Err(InputError::Limit(format!(
                "the history of run {} has reached {} bytes (limit history-bytes); \
                 terminate it, or raise the limit",
                self.run_id, self.limits.history_bytes
            )));
        }
        Ok(())
    }
}
