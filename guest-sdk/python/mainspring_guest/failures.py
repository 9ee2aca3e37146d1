"""Failure trees: a list of nodes in the contract, nested messages in the library.

The numbers of enumerations are the same on both sides where the code passes them on as
they are; `TimeoutType` of the contract has no "unspecified" and so is one less.
"""

from temporalio.api.failure.v1 import Failure
from wit_world.imports import types as wit

from . import wire

# Causes are followed this deep: a chain of exceptions that contains itself ends too.
DEEPEST = 50


def failure_in(nodes) -> Failure:
    """Nests a list of nodes, outermost first."""
    outermost = message = Failure()
    for index, node in enumerate(nodes):
        if index:
            message = message.cause
        _read(message, node)
    return outermost


def _read(message: Failure, node) -> None:
    message.message = node.message
    message.source = node.source
    message.stack_trace = node.stack_trace
    if node.encoded_attributes is not None:
        message.encoded_attributes.CopyFrom(wire.payload_in(node.encoded_attributes))
    kind = type(node.kind).__name__.removeprefix("FailureKind_")
    _READERS[kind](message, node.kind.value)


def _read_application(message: Failure, value) -> None:
    info = message.application_failure_info
    info.type = value.error_type
    info.non_retryable = value.non_retryable
    if value.details:
        info.details.payloads.extend(wire.payloads_in(value.details))
    if value.next_retry_delay is not None:
        info.next_retry_delay.FromNanoseconds(value.next_retry_delay)
    if "category" in info.DESCRIPTOR.fields_by_name:
        info.category = value.category.value
    info.SetInParent()


def _read_timeout(message: Failure, value) -> None:
    info = message.timeout_failure_info
    info.timeout_type = value.timeout.value + 1
    if value.last_heartbeat_details:
        details = wire.payloads_in(value.last_heartbeat_details)
        info.last_heartbeat_details.payloads.extend(details)


def _read_cancelled(message: Failure, value) -> None:
    info = message.canceled_failure_info
    info.SetInParent()
    if value.details:
        info.details.payloads.extend(wire.payloads_in(value.details))


def _read_terminated(message: Failure, _identity: str) -> None:
    message.terminated_failure_info.SetInParent()


def _read_server(message: Failure, non_retryable: bool) -> None:
    message.server_failure_info.non_retryable = non_retryable
    message.server_failure_info.SetInParent()


def _read_reset(message: Failure, details) -> None:
    info = message.reset_workflow_failure_info
    info.SetInParent()
    info.last_heartbeat_details.payloads.extend(wire.payloads_in(details))


def _read_activity(message: Failure, value) -> None:
    info = message.activity_failure_info
    info.scheduled_event_id = value.scheduled_event_id
    info.started_event_id = value.started_event_id
    info.identity = value.identity
    info.activity_type.name = value.activity_type
    info.activity_id = value.activity_id
    info.retry_state = value.retry_state.value


def _read_child(message: Failure, value) -> None:
    info = message.child_workflow_execution_failure_info
    info.namespace = value.execution.namespace
    info.workflow_execution.workflow_id = value.execution.workflow_id
    info.workflow_execution.run_id = value.execution.run_id
    info.workflow_type.name = value.workflow_type
    info.initiated_event_id = value.initiated_event_id
    info.started_event_id = value.started_event_id
    info.retry_state = value.retry_state.value


def _read_nexus_operation(message: Failure, value) -> None:
    info = message.nexus_operation_execution_failure_info
    info.scheduled_event_id = value.scheduled_event_id
    info.endpoint = value.endpoint
    info.service = value.service
    info.operation = value.operation
    info.operation_token = value.operation_token


def _read_nexus_handler(message: Failure, value) -> None:
    info = message.nexus_handler_failure_info
    info.type = value.error_type
    info.retry_behavior = value.retry_behavior.value


_READERS = {
    "Application": _read_application,
    "Timeout": _read_timeout,
    "Cancelled": _read_cancelled,
    "Terminated": _read_terminated,
    "Server": _read_server,
    "ResetWorkflow": _read_reset,
    "Activity": _read_activity,
    "ChildWorkflow": _read_child,
    "NexusOperation": _read_nexus_operation,
    "NexusHandler": _read_nexus_handler,
}


def failure_out(message: Failure) -> list:
    """Lays a nested failure out, outermost first."""
    nodes = []
    while len(nodes) < DEEPEST:
        encoded = None
        if message.HasField("encoded_attributes"):
            encoded = wire.payload_out(message.encoded_attributes)
        nodes.append(
            wit.FailureNode(
                message=message.message,
                source=message.source,
                stack_trace=message.stack_trace,
                encoded_attributes=encoded,
                kind=_kind_out(message),
            )
        )
        if not message.HasField("cause"):
            break
        message = message.cause
    return nodes


def _kind_out(message: Failure):
    name = message.WhichOneof("failure_info")
    if name is None:
        return wit.FailureKind_Application(
            wit.ApplicationFailure("", False, [], None, wit.FailureCategory.UNSPECIFIED)
        )
    return _WRITERS[name](getattr(message, name))


def _write_application(info):
    category = wit.FailureCategory(getattr(info, "category", 0))
    return wit.FailureKind_Application(
        wit.ApplicationFailure(
            error_type=info.type,
            non_retryable=info.non_retryable,
            details=wire.payloads_out(info.details.payloads),
            next_retry_delay=wire.duration_out(info, "next_retry_delay"),
            category=category,
        )
    )


def _write_timeout(info):
    kind = wit.TimeoutType(max(info.timeout_type - 1, 0))
    details = wire.payloads_out(info.last_heartbeat_details.payloads)
    return wit.FailureKind_Timeout(wit.TimeoutFailure(kind, details))


def _write_cancelled(info):
    details = wire.payloads_out(info.details.payloads)
    return wit.FailureKind_Cancelled(wit.CancelledFailure(details, ""))


def _write_activity(info):
    return wit.FailureKind_Activity(
        wit.ActivityFailure(
            scheduled_event_id=info.scheduled_event_id,
            started_event_id=info.started_event_id,
            identity=info.identity,
            activity_type=info.activity_type.name,
            activity_id=info.activity_id,
            retry_state=wit.RetryState(info.retry_state),
        )
    )


def _write_child(info):
    execution = wit.Execution(
        info.namespace, info.workflow_execution.workflow_id, info.workflow_execution.run_id
    )
    return wit.FailureKind_ChildWorkflow(
        wit.ChildWorkflowFailure(
            execution=execution,
            workflow_type=info.workflow_type.name,
            initiated_event_id=info.initiated_event_id,
            started_event_id=info.started_event_id,
            retry_state=wit.RetryState(info.retry_state),
        )
    )


def _write_nexus_operation(info):
    return wit.FailureKind_NexusOperation(
        wit.NexusOperationFailure(
            scheduled_event_id=info.scheduled_event_id,
            endpoint=info.endpoint,
            service=info.service,
            operation=info.operation,
            operation_token=getattr(info, "operation_token", ""),
        )
    )


def _write_nexus_handler(info):
    behavior = wit.NexusRetryBehavior(info.retry_behavior)
    return wit.FailureKind_NexusHandler(wit.NexusHandlerFailure(info.type, behavior))


def _write_reset(info):
    return wit.FailureKind_ResetWorkflow(wire.payloads_out(info.last_heartbeat_details.payloads))


_WRITERS = {
    "application_failure_info": _write_application,
    "timeout_failure_info": _write_timeout,
    "canceled_failure_info": _write_cancelled,
    "terminated_failure_info": lambda info: wit.FailureKind_Terminated(""),
    "server_failure_info": lambda info: wit.FailureKind_Server(info.non_retryable),
    "reset_workflow_failure_info": _write_reset,
    "activity_failure_info": _write_activity,
    "child_workflow_execution_failure_info": _write_child,
    "nexus_operation_execution_failure_info": _write_nexus_operation,
    "nexus_handler_failure_info": _write_nexus_handler,
}
