//! Checks of what comes in, each with the sentence that refuses it.

use std::time::Duration;

use mainspring_engine::ids::{Namespace, RunId, TaskQueue, WorkflowId, WorkflowKey};
use mainspring_engine::limits::Limits;
use mainspring_engine::time::set_duration;
use mainspring_server::Target;
use prost::Message;
use temporalio_protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_protos::temporal::api::taskqueue::v1 as taskqueue;
use tonic::Status;

/// The longest duration there is: ten thousand years, by protobuf's own rule.
const LONGEST_SECONDS: i64 = 315_576_000_000;

/// A namespace's name.
pub(crate) fn namespace(name: &str, limits: &Limits) -> Result<Namespace, Status> {
    text("Namespace", name, limits)?;
    Ok(Namespace::from(name))
}

/// Text that must be there and no longer than an ID may be.
pub(crate) fn text(what: &str, text: &str, limits: &Limits) -> Result<(), Status> {
    if text.is_empty() {
        return Err(Status::invalid_argument(format!(
            "{what} is not set on request."
        )));
    }
    short(what, text, limits)
}

/// Text that may be absent, but no longer than an ID may be.
pub(crate) fn short(what: &str, text: &str, limits: &Limits) -> Result<(), Status> {
    if text.len() > limits.id_bytes {
        return Err(Status::invalid_argument(format!(
            "{what} length exceeds limit: it has {} bytes, {} are allowed (limit id-bytes).",
            text.len(),
            limits.id_bytes
        )));
    }
    // Not every database can keep it, and no terminal can show it.
    if text.contains('\0') {
        return Err(Status::invalid_argument(format!(
            "{what} has a NUL character; leave it out."
        )));
    }
    Ok(())
}

/// A run ID; empty is the latest run.
pub(crate) fn run_id(text: &str) -> Result<Option<RunId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    match RunId::parse(text) {
        Some(run_id) => Ok(Some(run_id)),
        None => Err(Status::invalid_argument("Invalid RunId.")),
    }
}

/// A workflow ID in its namespace.
pub(crate) fn key(
    namespace_name: &str,
    workflow_id: &str,
    limits: &Limits,
) -> Result<WorkflowKey, Status> {
    let namespace = namespace(namespace_name, limits)?;
    text("WorkflowId", workflow_id, limits)?;
    Ok(WorkflowKey {
        namespace,
        workflow_id: WorkflowId::from(workflow_id),
    })
}

/// Which run a request means.
pub(crate) fn target(
    namespace_name: &str,
    execution: Option<&WorkflowExecution>,
    first_run_id: &str,
    limits: &Limits,
) -> Result<Target, Status> {
    let namespace = namespace(namespace_name, limits)?;
    let execution =
        execution.ok_or_else(|| Status::invalid_argument("Execution is not set on request."))?;
    text("WorkflowId", &execution.workflow_id, limits)?;
    Ok(Target {
        key: WorkflowKey {
            namespace,
            workflow_id: WorkflowId::from(execution.workflow_id.as_str()),
        },
        run_id: run_id(&execution.run_id)?,
        first_run_id: run_id(first_run_id)?,
    })
}

/// A task queue.
pub(crate) fn task_queue(
    queue: Option<&taskqueue::TaskQueue>,
    limits: &Limits,
) -> Result<TaskQueue, Status> {
    let name = queue.map(|queue| queue.name.as_str()).unwrap_or_default();
    text("TaskQueue", name, limits)?;
    Ok(TaskQueue::from(name))
}

/// Something that is stored whole.
pub(crate) fn size<M: Message>(
    what: &str,
    message: Option<&M>,
    limits: &Limits,
) -> Result<(), Status> {
    let bytes = message.map_or(0, Message::encoded_len);
    if bytes > limits.payload_bytes {
        return Err(Status::invalid_argument(format!(
            "{what} exceeds size limit: it has {bytes} bytes, {} are allowed \
             (limit payload-bytes); pass a reference instead.",
            limits.payload_bytes
        )));
    }
    Ok(())
}

/// A timeout; absent and zero are "not set".
pub(crate) fn timeout(
    what: &str,
    wire: Option<&prost_wkt_types::Duration>,
) -> Result<Option<Duration>, Status> {
    let Some(duration) = wire else {
        return Ok(None);
    };
    if duration.seconds < 0 || duration.nanos < 0 {
        return Err(Status::invalid_argument(format!(
            "Invalid {what}: it cannot be negative."
        )));
    }
    if duration.nanos >= 1_000_000_000 || duration.seconds > LONGEST_SECONDS {
        return Err(Status::invalid_argument(format!(
            "Invalid {what}: a duration has at most {LONGEST_SECONDS} seconds and less than \
             1,000,000,000 nanoseconds."
        )));
    }
    Ok(set_duration(wire))
}

/// A field that changes what a request means and that this server does not serve
/// yet must not be ignored in silence.
pub(crate) fn not_served(what: &str, is_set: bool) -> Result<(), Status> {
    if is_set {
        return Err(Status::unimplemented(format!(
            "{what} is not served by this version of Mainspring; leave it unset"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_as_temporal_names_it() {
        let limits = Limits::default();
        let status = key("default", "", &limits).unwrap_err();
        assert_eq!(status.message(), "WorkflowId is not set on request.");
        assert_eq!(run_id("x").unwrap_err().message(), "Invalid RunId.");
        assert!(run_id("").unwrap().is_none());
        let long = "x".repeat(1_001);
        assert!(
            key("default", &long, &limits)
                .unwrap_err()
                .message()
                .contains("id-bytes")
        );
    }

    #[test]
    fn lif_20_negative_timeouts_are_refused_and_zero_is_unset() {
        let negative = prost_wkt_types::Duration {
            seconds: -1,
            nanos: 0,
        };
        assert!(timeout("WorkflowRunTimeout", Some(&negative)).is_err());
        let zero = prost_wkt_types::Duration::default();
        assert_eq!(timeout("WorkflowRunTimeout", Some(&zero)).unwrap(), None);
    }
}
