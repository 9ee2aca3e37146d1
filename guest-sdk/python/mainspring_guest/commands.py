"""The library's commands as operations of the contract, one call each.

An end of the run is not a call: it is returned, and the first one holds.
"""

from componentize_py_types import Err, Ok
from wit_world.imports import (
    activities,
    cancellation,
    children,
    continuation,
    external,
    properties,
    queries,
    timers,
    updates,
)
from wit_world.imports import types as wit

from . import failures, wire
from .operations import Kind, Operation, Operations

try:
    from wit_world.imports import versions
except ImportError:
    # The server that this component is for keeps no markers: each run stays on the code
    # that it started with, and that code has had its patches from the beginning.
    versions = None

VERSIONING_INTENT = {
    0: wit.VersioningIntent.UNSPECIFIED,
    1: wit.VersioningIntent.INHERIT,
    2: wit.VersioningIntent.CURRENT,
}


class Commands:
    """Turns the commands of one run into calls."""

    def __init__(self, operations: Operations, namespace: str, task_queue: str) -> None:
        self._operations = operations
        self._namespace = namespace
        self._task_queue = task_queue
        self._accepted: set[str] = set()

    def issue(self, completion, instance, update=None) -> object | None:
        """Issues all commands; answers with the end of the run, if one is among them.

        `update`: the update that the activation carried. Its verdict comes first,
        since until then the code may start nothing.
        """
        commands = list(completion.successful.commands)
        if update is not None:
            verdict = self._verdict_on(update, commands)
            if verdict is not None:
                commands.remove(verdict)
                self._decide(update, verdict.update_response)
        end = None
        for command in commands:
            name = command.WhichOneof("variant")
            if name in _ENDS:
                end = end or _ENDS[name](getattr(command, name))
            else:
                getattr(self, "_" + name)(getattr(command, name), command, instance)
        return end

    # ---- updates -------------------------------------------------------------------

    def _verdict_on(self, update, commands):
        for command in commands:
            if command.WhichOneof("variant") == "update_response":
                response = command.update_response
                if response.protocol_instance_id == update.id:
                    if response.WhichOneof("response") in ("accepted", "rejected"):
                        return command
        return None

    def _decide(self, update, response) -> None:
        if response.WhichOneof("response") == "rejected":
            updates.reject_update(update.id, failures.failure_out(response.rejected))
            return
        self._accepted.add(update.id)
        if update.is_validated:
            updates.accept_update(update.id)
        else:
            updates.accept_unvalidated_update(update.id)

    def _update_response(self, response, _command, _instance) -> None:
        update_id = response.protocol_instance_id
        kind = response.WhichOneof("response")
        if kind == "completed":
            outcome = Ok(wire.payload_out(response.completed))
        elif kind == "rejected" and update_id in self._accepted:
            outcome = Err(failures.failure_out(response.rejected))
        else:
            raise RuntimeError(f"the library answered update {update_id!r} twice")
        self._accepted.discard(update_id)
        updates.complete_update(update_id, outcome)

    def _respond_to_query(self, response, _command, _instance) -> None:
        if response.HasField("succeeded"):
            answer = Ok(wire.payload_out(response.succeeded.response))
        else:
            answer = Err(failures.failure_out(response.failed))
        queries.answer_query(response.query_id, answer)

    # ---- activities and timers -----------------------------------------------------

    def _schedule_activity(self, asked, command, instance) -> None:
        handle = activities.start_activity(
            activities.ActivityOptions(
                activity_type=asked.activity_type,
                activity_id=_activity_id(asked, instance),
                task_queue=self._other_queue(getattr(asked, "task_queue", "")),
                input=wire.payloads_out(asked.arguments),
                headers=wire.map_out(asked.headers),
                schedule_to_close_timeout=wire.duration_out(asked, "schedule_to_close_timeout"),
                schedule_to_start_timeout=wire.duration_out(asked, "schedule_to_start_timeout"),
                start_to_close_timeout=wire.duration_out(asked, "start_to_close_timeout"),
                heartbeat_timeout=_heartbeat_timeout(asked),
                retry_policy=wire.retry_policy_out(asked),
                cancellation_type=activities.CancellationType(asked.cancellation_type),
                priority=wire.priority_out(asked),
                metadata=wire.metadata_out(command),
            )
        )
        self._operations.add(Operation(Kind.ACTIVITY, asked.seq, handle))

    # There is no worker to be local to: an ordinary activity.
    _schedule_local_activity = _schedule_activity

    def _request_cancel_activity(self, asked, _command, _instance) -> None:
        self._cancel(Kind.ACTIVITY, asked.seq)

    _request_cancel_local_activity = _request_cancel_activity

    def _start_timer(self, asked, command, _instance) -> None:
        length = asked.start_to_fire_timeout.ToNanoseconds()
        handle = timers.start_timer(max(length, 0), wire.metadata_out(command))
        self._operations.add(Operation(Kind.TIMER, asked.seq, handle))

    def _cancel_timer(self, asked, _command, _instance) -> None:
        operation = self._cancel(Kind.TIMER, asked.seq)
        if operation is not None:
            # The library expects no answer.
            self._operations.forget(operation)

    def _cancel(self, kind: Kind, seq: int, reason: str = "") -> Operation | None:
        operation = self._operations.of_seq(kind, seq)
        if operation is not None:
            cancellation.cancel(operation.handle, reason)
        return operation

    # ---- other workflows -----------------------------------------------------------

    def _start_child_workflow_execution(self, asked, command, _instance) -> None:
        version = _pinned_version(asked)
        handle = children.start_child_workflow(
            children.ChildOptions(
                namespace=None if asked.namespace in ("", self._namespace) else asked.namespace,
                workflow_id=asked.workflow_id or None,
                workflow_type=asked.workflow_type,
                task_queue=self._other_queue(asked.task_queue),
                input=wire.payloads_out(asked.input),
                headers=wire.map_out(asked.headers),
                workflow_execution_timeout=wire.duration_out(asked, "workflow_execution_timeout"),
                workflow_run_timeout=wire.duration_out(asked, "workflow_run_timeout"),
                workflow_task_timeout=wire.duration_out(asked, "workflow_task_timeout"),
                parent_close_policy=children.ParentClosePolicy(asked.parent_close_policy),
                workflow_id_reuse_policy=wit.WorkflowIdReusePolicy(asked.workflow_id_reuse_policy),
                cancellation_type=children.ChildCancellationType(asked.cancellation_type),
                retry_policy=wire.retry_policy_out(asked),
                cron_schedule=asked.cron_schedule,
                memo=wire.map_out(asked.memo),
                search_attributes=wire.map_out(_search_attributes(asked)),
                versioning_intent=VERSIONING_INTENT[asked.versioning_intent],
                version=version,
                priority=wire.priority_out(asked),
                metadata=wire.metadata_out(command),
            )
        )
        self._operations.add(
            Operation(
                Kind.CHILD,
                asked.seq,
                handle,
                workflow_id=asked.workflow_id,
                workflow_type=asked.workflow_type,
            )
        )

    def _cancel_child_workflow_execution(self, asked, _command, _instance) -> None:
        reason = getattr(asked, "reason", "")
        self._cancel(Kind.CHILD, asked.child_workflow_seq, reason)

    def _signal_external_workflow_execution(self, asked, _command, _instance) -> None:
        if asked.WhichOneof("target") == "child_workflow_id":
            child = self._operations.child(asked.child_workflow_id)
            target = external.SignalTarget_Child(child or 0)
        else:
            target = external.SignalTarget_Execution(self._execution(asked.workflow_execution))
        handle = external.signal_workflow(
            target, asked.signal_name, wire.payloads_out(asked.args), wire.map_out(asked.headers)
        )
        self._operations.add(Operation(Kind.SIGNAL, asked.seq, handle))

    def _cancel_signal_workflow(self, asked, _command, _instance) -> None:
        self._cancel(Kind.SIGNAL, asked.seq)

    def _request_cancel_external_workflow_execution(self, asked, _command, _instance) -> None:
        target = self._execution(asked.workflow_execution)
        handle = external.cancel_workflow(target, getattr(asked, "reason", ""))
        self._operations.add(Operation(Kind.CANCEL, asked.seq, handle))

    def _execution(self, execution):
        namespace = execution.namespace
        return wit.Execution(
            namespace="" if namespace == self._namespace else namespace,
            workflow_id=execution.workflow_id,
            run_id=execution.run_id,
        )

    # ---- the run itself ------------------------------------------------------------

    def _set_patch_marker(self, asked, _command, _instance) -> None:
        if versions is None:
            return
        if asked.deprecated:
            versions.deprecate_patch(asked.patch_id)
        else:
            versions.patched(asked.patch_id)

    def _upsert_workflow_search_attributes(self, asked, _command, _instance) -> None:
        properties.upsert_search_attributes(wire.changes_out(_search_attributes(asked)))

    def _modify_workflow_properties(self, asked, _command, _instance) -> None:
        properties.upsert_memo(wire.changes_out(asked.upserted_memo.fields))

    def _other_queue(self, task_queue: str) -> str | None:
        """The queue, where it is not the run's own, which the host fills in."""
        return None if task_queue in ("", self._task_queue) else task_queue


# ---- ends ----------------------------------------------------------------------------


def _complete(end):
    from wit_world import RunOutcome_Completed

    return RunOutcome_Completed([wire.payload_out(end.result)] if end.HasField("result") else [])


def _fail(end):
    from wit_world import RunOutcome_Failed

    return RunOutcome_Failed(failures.failure_out(end.failure))


def _cancel(_end):
    from wit_world import RunOutcome_Cancelled

    return RunOutcome_Cancelled([])


def _continue(end):
    from wit_world import RunOutcome_ContinuedAsNew

    attributes = _search_attributes(end)
    intent = VERSIONING_INTENT[end.versioning_intent]
    if getattr(end, "initial_versioning_behavior", 0):
        intent = wit.VersioningIntent.CURRENT
    continuation.continue_as_new(
        continuation.ContinueOptions(
            workflow_type=end.workflow_type or None,
            task_queue=end.task_queue or None,
            input=wire.payloads_out(end.arguments),
            headers=wire.map_out(end.headers),
            workflow_run_timeout=wire.duration_out(end, "workflow_run_timeout"),
            workflow_task_timeout=wire.duration_out(end, "workflow_task_timeout"),
            retry_policy=wire.retry_policy_out(end),
            memo=wire.map_out(end.memo) if end.memo else None,
            search_attributes=wire.map_out(attributes) if attributes else None,
            versioning_intent=intent,
            backoff_start_interval=_optional_duration(end, "backoff_start_interval"),
        )
    )
    return RunOutcome_ContinuedAsNew()


_ENDS = {
    "complete_workflow_execution": _complete,
    "fail_workflow_execution": _fail,
    "cancel_workflow_execution": _cancel,
    "continue_as_new_workflow_execution": _continue,
}


# ---- fields that differ between versions of the library -------------------------------


def _activity_id(asked, instance) -> str | None:
    """The ID that the user gave. The library's own default is dropped: the host gives
    one, the same for every language."""
    pending = getattr(instance, "_pending_activities", {}).get(asked.seq)
    given = getattr(getattr(pending, "_input", None), "activity_id", None)
    if pending is None and asked.activity_id != str(asked.seq):
        given = asked.activity_id
    return given or None


def _heartbeat_timeout(asked) -> int | None:
    return _optional_duration(asked, "heartbeat_timeout")


def _optional_duration(message, field: str) -> int | None:
    if field not in message.DESCRIPTOR.fields_by_name:
        return None
    return wire.duration_out(message, field)


def _search_attributes(message):
    """A map in earlier versions, a message with a map since."""
    field = message.search_attributes
    return getattr(field, "indexed_fields", field)


def _pinned_version(asked) -> str | None:
    if "versioning_override" not in asked.DESCRIPTOR.fields_by_name:
        return None
    if not asked.HasField("versioning_override"):
        return None
    override = asked.versioning_override
    if not override.HasField("pinned"):
        return None
    return override.pinned.version.build_id or None
