//! How much the code may hand over: each value by itself, and all that one
//! workflow task asks for together, since it becomes one transition.

use prost::Message;
use temporalio_protos::temporal::api::common::v1::Payload;
use temporalio_protos::temporal::api::enums::v1::WorkflowTaskFailedCause as Cause;
use temporalio_protos::temporal::api::failure::v1::Failure;
use temporalio_protos::temporal::api::sdk::v1::UserMetadata;

use super::{GuestFault, RunEnd, Session};
use crate::guest::{
    ContinueAsNew, QueryAnswer, ScheduleActivity, SignalExternal, StartChild, UpdateOutcome,
};

/// What an operation costs besides what it carries, roughly, in bytes.
const OPERATION_BYTES: usize = 64;

impl Session {
    /// Whether the code may end like this; asked before [`Session::finish_task`].
    pub fn check_end(&mut self, end: &RunEnd) -> Result<(), GuestFault> {
        match end {
            RunEnd::Completed(result) => self.count("the result of the workflow", result.as_ref()),
            RunEnd::Failed(failure) => self.count("the failure of the workflow", Some(failure)),
            RunEnd::Cancelled(details) => {
                self.count("the details of the cancellation", details.as_ref())
            }
            // Each value was checked when the code said it.
            RunEnd::ContinuedAsNew(next) => {
                let ContinueAsNew {
                    input,
                    header,
                    memo,
                    search_attributes,
                    ..
                } = &**next;
                self.add_bytes(size_of(input.as_ref()))?;
                self.add_bytes(size_of(header.as_ref()))?;
                self.add_bytes(size_of(memo.as_ref()))?;
                self.add_bytes(size_of(search_attributes.as_ref()))
            }
        }
    }

    pub(super) fn count_activity(&mut self, asked: &ScheduleActivity) -> Result<(), GuestFault> {
        let of = |what: &str| format!("the {what} of activity {}", asked.activity_type);
        let bad = |fault: GuestFault| GuestFault {
            cause: Cause::BadScheduleActivityAttributes,
            ..fault
        };
        self.count(&of("input"), asked.input.as_ref())
            .map_err(bad)?;
        self.count(&of("headers"), asked.header.as_ref())
            .map_err(bad)?;
        self.count(&of("retry policy"), asked.retry_policy.as_ref())
            .map_err(bad)?;
        self.count_metadata(&of("summary and details"), asked.metadata.as_ref())
            .map_err(bad)
    }

    pub(super) fn count_timer(
        &mut self,
        metadata: Option<&UserMetadata>,
    ) -> Result<(), GuestFault> {
        self.count_metadata("the summary and details of a timer", metadata)
    }

    pub(super) fn count_child(&mut self, asked: &StartChild) -> Result<(), GuestFault> {
        let of = |what: &str| format!("the {what} of child workflow {}", asked.workflow_type);
        let bad = |fault: GuestFault| GuestFault {
            cause: Cause::BadStartChildExecutionAttributes,
            ..fault
        };
        self.count(&of("input"), asked.input.as_ref())
            .and_then(|()| self.count(&of("headers"), asked.header.as_ref()))
            .and_then(|()| self.count(&of("memo"), asked.memo.as_ref()))
            .and_then(|()| self.count(&of("search attributes"), asked.search_attributes.as_ref()))
            .and_then(|()| self.count(&of("retry policy"), asked.retry_policy.as_ref()))
            .and_then(|()| self.count_metadata(&of("summary and details"), asked.metadata.as_ref()))
            .map_err(bad)
    }

    pub(super) fn count_signal(&mut self, asked: &SignalExternal) -> Result<(), GuestFault> {
        let of = |what: &str| format!("the {what} of signal {}", asked.name);
        let bad = |fault: GuestFault| GuestFault {
            cause: Cause::BadSignalWorkflowExecutionAttributes,
            ..fault
        };
        self.count(&of("input"), asked.input.as_ref())
            .and_then(|()| self.count(&of("headers"), asked.header.as_ref()))
            .and_then(|()| self.add_bytes(OPERATION_BYTES))
            .map_err(bad)
    }

    pub(super) fn count_reason(&mut self, reason: &str) -> Result<(), GuestFault> {
        self.check_size("the reason of the cancel request", reason.len())?;
        self.add_bytes(reason.len() + OPERATION_BYTES)
    }

    /// One name of an upsert and what it is set to.
    pub(super) fn count_property(
        &mut self,
        what: &str,
        name: &str,
        value: Option<&Payload>,
    ) -> Result<(), GuestFault> {
        self.count(what, value)?;
        self.add_bytes(OPERATION_BYTES + name.len())
    }

    pub(super) fn check_text(&self, what: &str, text: &str) -> Result<(), GuestFault> {
        self.check_size(what, text.len())
    }

    pub(super) fn check_answer(&self, answer: &QueryAnswer) -> Result<(), GuestFault> {
        match answer {
            Ok(answer) => self.check_size("the answer to the query", size_of(answer.as_ref())),
            Err(failure) => self.check_size("the failure of the query", size_of(Some(failure))),
        }
    }

    pub(super) fn check_failure(&self, what: &str, failure: &Failure) -> Result<(), GuestFault> {
        self.check_size(what, size_of(Some(failure)))
    }

    pub(super) fn count_outcome(&mut self, outcome: &UpdateOutcome) -> Result<(), GuestFault> {
        match outcome {
            Ok(result) => self.count("the result of an update", result.as_ref()),
            Err(failure) => self.count("the failure of an update", Some(failure)),
        }
    }

    fn count_metadata(
        &mut self,
        what: &str,
        metadata: Option<&UserMetadata>,
    ) -> Result<(), GuestFault> {
        self.count(what, metadata)?;
        self.add_bytes(OPERATION_BYTES)
    }

    /// Checks one value and adds it to what the task asks for.
    fn count<M: Message>(&mut self, what: &str, value: Option<&M>) -> Result<(), GuestFault> {
        let bytes = size_of(value);
        self.check_size(what, bytes)?;
        self.add_bytes(bytes)
    }

    pub(super) fn check_size_of<M: Message>(
        &self,
        what: &str,
        value: Option<&M>,
    ) -> Result<(), GuestFault> {
        self.check_size(what, size_of(value))
    }

    fn check_size(&self, what: &str, bytes: usize) -> Result<(), GuestFault> {
        let limit = self.limits.payload_bytes;
        if bytes <= limit {
            return Ok(());
        }
        Err(GuestFault::new(
            Cause::PayloadsTooLarge,
            format!(
                "{what} is {bytes} bytes; {limit} are allowed (limit payload-bytes): \
                 pass a reference instead"
            ),
        ))
    }

    fn add_bytes(&mut self, bytes: usize) -> Result<(), GuestFault> {
        self.task_bytes = self.task_bytes.saturating_add(bytes);
        let limit = self.limits.task_bytes;
        if self.task_bytes <= limit {
            return Ok(());
        }
        Err(GuestFault::new(
            Cause::PayloadsTooLarge,
            format!(
                "one workflow task asked for more than {limit} bytes of inputs and results \
                 (limit task-bytes); wait for an answer in between, or pass references"
            ),
        ))
    }
}

fn size_of<M: Message>(value: Option<&M>) -> usize {
    value.map_or(0, Message::encoded_len)
}
