"""Events of the contract as jobs of an activation, in the order of the library's core.

An event that answers nothing which the library still waits for makes no job.
"""

from temporalio.bridge.proto.workflow_activation import (
    InitializeWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.child_workflow import StartChildWorkflowExecutionFailedCause

from . import failures, wire
from .operations import Kind, Operation, Operations

ALREADY_STARTED = "WorkflowExecutionAlreadyStarted"
_ALREADY_EXISTS = (
    StartChildWorkflowExecutionFailedCause.START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS
)

# Core hands jobs out in this order; within one rank, in the order of the history.
_RANKS = {
    "initialize_workflow": 0,
    "notify_has_patch": 1,
    "update_random_seed": 2,
    "signal_workflow": 3,
    "do_update": 3,
    "query_workflow": 5,
}
_OTHER_RANK = 4


def in_order(jobs: list[WorkflowActivationJob]) -> list[WorkflowActivationJob]:
    return sorted(jobs, key=lambda job: _RANKS.get(job.WhichOneof("variant"), _OTHER_RANK))


def job_of(event, operations: Operations) -> WorkflowActivationJob | None:
    """The job that an event means, if any."""
    return _JOBS[type(event).__name__.removeprefix("Event_")](event.value, operations)


def _signal(value, _operations) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    signal = job.signal_workflow
    signal.signal_name = value.name
    signal.input.extend(wire.payloads_in(value.input))
    signal.identity = value.identity
    _set_map(signal.headers, value.headers)
    if "originating_event_id" in signal.DESCRIPTOR.fields_by_name:
        signal.originating_event_id = value.event_id
    return job


def _query(value, _operations) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    query = job.query_workflow
    query.query_id = value.id
    query.query_type = value.name
    query.arguments.extend(wire.payloads_in(value.arguments))
    _set_map(query.headers, value.headers)
    return job


def _update(value, _operations) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    update = job.do_update
    update.id = update.protocol_instance_id = value.id
    update.name = value.name
    update.input.extend(wire.payloads_in(value.input))
    _set_map(update.headers, value.headers)
    update.meta.update_id = value.id
    update.meta.identity = value.identity
    update.run_validator = value.run_validator
    return job


def _cancel_requested(reason: str, _operations) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    job.cancel_workflow.SetInParent()
    if "reason" in job.cancel_workflow.DESCRIPTOR.fields_by_name:
        job.cancel_workflow.reason = reason
    return job


def _random_seed_changed(seed: int, _operations) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    job.update_random_seed.randomness_seed = seed
    return job


def _started(notice, operations: Operations) -> WorkflowActivationJob | None:
    operation = operations.of_handle(notice.handle)
    if operation is None:
        return None
    operation.started = True
    job = WorkflowActivationJob()
    start = job.resolve_child_workflow_execution_start
    start.seq = operation.seq
    start.succeeded.run_id = notice.outcome.value
    return job


def _resolved(resolution, operations: Operations) -> WorkflowActivationJob | None:
    operation = operations.of_handle(resolution.handle)
    if operation is None:
        return None
    operations.forget(operation)
    if operation.kind is Kind.CHILD and not operation.started:
        operations.not_started(operation)
    return _ANSWERS[operation.kind](operation, resolution.outcome)


_JOBS = {
    "Resolved": _resolved,
    "Started": _started,
    "Signal": _signal,
    "Query": _query,
    "Update": _update,
    "CancelRequested": _cancel_requested,
    "RandomSeedChanged": _random_seed_changed,
}


# ---- answers -----------------------------------------------------------------------


def _fill_result(result, outcome) -> None:
    """Fills an activity's or a child's result; both have the same three cases."""
    how = _how(outcome)
    if how == "Success":
        result.completed.SetInParent()
        if outcome.value:
            result.completed.result.CopyFrom(wire.payload_in(outcome.value[0]))
    elif how == "Cancelled":
        result.cancelled.failure.CopyFrom(failures.failure_in(outcome.value))
    else:
        result.failed.failure.CopyFrom(failures.failure_in(outcome.value))


def _how(outcome) -> str:
    return type(outcome).__name__.removeprefix("Outcome_")


def _answer_activity(operation: Operation, outcome) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    job.resolve_activity.seq = operation.seq
    _fill_result(job.resolve_activity.result, outcome)
    return job


def _answer_timer(operation: Operation, outcome) -> WorkflowActivationJob | None:
    if _how(outcome) != "Success":
        return None
    job = WorkflowActivationJob()
    job.fire_timer.seq = operation.seq
    return job


def _answer_child(operation: Operation, outcome) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    if operation.started:
        job.resolve_child_workflow_execution.seq = operation.seq
        _fill_result(job.resolve_child_workflow_execution.result, outcome)
        return job
    start = job.resolve_child_workflow_execution_start
    start.seq = operation.seq
    failure = failures.failure_in(outcome.value)
    if failure.cause.application_failure_info.type == ALREADY_STARTED:
        start.failed.workflow_id = operation.workflow_id
        start.failed.workflow_type = operation.workflow_type
        start.failed.cause = _ALREADY_EXISTS
    else:
        # The library knows no other reason why a child did not start; told this way
        # the workflow's code gets the failure as it is, and can handle it.
        start.cancelled.failure.CopyFrom(failure)
    return job


def _answer_signal(operation: Operation, outcome) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    answer = job.resolve_signal_external_workflow
    answer.seq = operation.seq
    if _how(outcome) != "Success":
        answer.failure.CopyFrom(failures.failure_in(outcome.value))
    return job


def _answer_cancel(operation: Operation, outcome) -> WorkflowActivationJob:
    job = WorkflowActivationJob()
    answer = job.resolve_request_cancel_external_workflow
    answer.seq = operation.seq
    if _how(outcome) != "Success":
        answer.failure.CopyFrom(failures.failure_in(outcome.value))
    return job


_ANSWERS = {
    Kind.ACTIVITY: _answer_activity,
    Kind.TIMER: _answer_timer,
    Kind.CHILD: _answer_child,
    Kind.SIGNAL: _answer_signal,
    Kind.CANCEL: _answer_cancel,
}


# ---- the start ----------------------------------------------------------------------


def initialize(facts, arguments) -> InitializeWorkflow:
    """What the run knows of itself, as the library's first job carries it."""
    init = InitializeWorkflow(
        workflow_type=facts.workflow_type,
        workflow_id=facts.workflow_id,
        arguments=wire.payloads_in(arguments),
        randomness_seed=facts.random_seed,
        identity=facts.identity,
        continued_from_execution_run_id=facts.continued_from_run_id or "",
        continued_initiator=facts.continued_initiator.value,
        first_execution_run_id=facts.first_run_id,
        attempt=facts.attempt,
        cron_schedule=facts.cron_schedule,
    )
    _set_map(init.headers, facts.headers)
    _set_map(init.memo.fields, facts.memo)
    _set_map(init.search_attributes.indexed_fields, facts.search_attributes)
    known = init.DESCRIPTOR.fields_by_name
    if "original_execution_run_id" in known:
        init.original_execution_run_id = facts.original_run_id
    if "root_workflow" in known and facts.root is not None:
        init.root_workflow.workflow_id = facts.root.workflow_id
        init.root_workflow.run_id = facts.root.run_id
    if "priority" in known and facts.priority is not None:
        init.priority.CopyFrom(wire.priority_in(facts.priority))
    if facts.parent is not None:
        parent = init.parent_workflow_info
        parent.namespace = facts.parent.namespace or facts.namespace
        parent.workflow_id = facts.parent.workflow_id
        parent.run_id = facts.parent.run_id
    if facts.continued_failure is not None:
        init.continued_failure.CopyFrom(failures.failure_in(facts.continued_failure))
    init.last_completion_result.payloads.extend(wire.payloads_in(facts.last_completion_result))
    if facts.retry_policy is not None:
        init.retry_policy.CopyFrom(wire.retry_policy_in(facts.retry_policy))
    _set_times(init, facts)
    return init


def _set_times(init: InitializeWorkflow, facts) -> None:
    init.start_time.FromNanoseconds(facts.start_time)
    init.workflow_task_timeout.FromNanoseconds(facts.workflow_task_timeout)
    for field, length in (
        ("workflow_execution_timeout", facts.workflow_execution_timeout),
        ("workflow_run_timeout", facts.workflow_run_timeout),
        ("cron_schedule_to_schedule_interval", facts.cron_schedule_to_schedule_interval),
    ):
        if length:
            getattr(init, field).FromNanoseconds(length)
    if facts.execution_deadline is not None:
        init.workflow_execution_expiration_time.FromNanoseconds(facts.execution_deadline)


def activation(run_id: str, now: int, replaying: bool, task, flags) -> WorkflowActivation:
    """An activation without its jobs."""
    message = WorkflowActivation(run_id=run_id, is_replaying=replaying)
    message.timestamp.FromNanoseconds(now)
    known = message.DESCRIPTOR.fields_by_name
    for field, value in (
        ("history_length", min(task.history_length, 2**32 - 1)),
        ("history_size_bytes", task.history_size_bytes),
        ("continue_as_new_suggested", task.continue_as_new_suggested),
        ("target_worker_deployment_version_changed", task.target_version_changed),
        ("last_sdk_version", task.last_sdk_version),
    ):
        if field in known:
            setattr(message, field, value)
    message.available_internal_flags.extend(flags)
    if "suggest_continue_as_new_reasons" in known:
        # The flags of the contract are the numbers of the library, shifted by one.
        for bit in range(3):
            if task.suggest_reasons.value >> bit & 1:
                message.suggest_continue_as_new_reasons.append(bit + 1)
    if "deployment_version_for_current_task" in known and task.version_label:
        version = message.deployment_version_for_current_task
        version.deployment_name = task.deployment_name
        version.build_id = task.version_label
    return message


def _set_map(field, pairs) -> None:
    for name, value in pairs:
        field[name].CopyFrom(wire.payload_in(value))
