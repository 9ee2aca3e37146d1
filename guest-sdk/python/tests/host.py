"""A host for tests: the test says what happens, and looks at what was asked for."""

import collections
import dataclasses
import sys

from wit_world import imports as _
from wit_world.imports import (
    activities,
    cancellation,
    children,
    clock,
    continuation,
    events,
    external,
    info,
    logging,
    properties,
    queries,
    timers,
    updates,
)
from wit_world.imports import types as wit

from mainspring_guest import project as projects
from mainspring_guest.run import Run

START = 1_700_000_000_000_000_000


class Idle(BaseException):
    """The code waits and the test has nothing more for it."""


class Host:
    """Calls of the code by name, and the batches that it gets."""

    def __init__(self, *batches) -> None:
        self.calls: list[tuple[str, object]] = []
        self.batches = collections.deque(collections.deque(batch) for batch in batches)
        self.local = collections.deque()
        self.handles = 0
        self.now = START
        self.replaying = False
        self.log: list[tuple[str, str]] = []
        self.facts = facts()
        self._install()

    def _install(self) -> None:
        def handle(name):
            def start(*arguments):
                self.handles += 1
                self.calls.append((name, arguments[0] if len(arguments) == 1 else arguments))
                return self.handles

            return start

        def call(name):
            def note(*arguments):
                self.calls.append((name, arguments[0] if len(arguments) == 1 else arguments))

            return note

        activities.start_activity = handle("start_activity")
        children.start_child_workflow = handle("start_child_workflow")
        external.signal_workflow = handle("signal_workflow")
        external.cancel_workflow = handle("cancel_workflow")
        timers.start_timer = lambda length, metadata: handle("start_timer")(length)
        cancellation.cancel = call("cancel")
        continuation.continue_as_new = call("continue_as_new")
        properties.upsert_memo = call("upsert_memo")
        properties.upsert_search_attributes = call("upsert_search_attributes")
        queries.answer_query = call("answer_query")
        for name in ("accept_update", "accept_unvalidated_update", "reject_update",
                     "complete_update"):
            setattr(updates, name, call(name))
        clock.now = lambda: self.now
        info.run = lambda: self.facts
        info.task = task
        info.is_replaying = lambda: self.replaying
        logging.log = lambda level, message, fields: self.log.append((level.name, message))
        events.take = self.take
        events.next = self.next

    def take(self):
        if self.local:
            return self.local.popleft()
        return self.batches[0].popleft() if self.batches and self.batches[0] else None

    def next(self):
        if self.batches:
            self.batches.popleft()
        while self.batches and not self.batches[0]:
            self.batches.popleft()
        if not self.batches:
            raise Idle
        self.now += 1_000_000_000
        return self.batches[0].popleft()

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def last(self, name: str):
        return [value for known, value in self.calls if known == name][-1]


def run(host: Host, workflow: type, *arguments, **settings):
    """Runs a workflow class; its end, or `None` if it waits. Also the `Run` itself."""
    project = projects.Project(**settings)
    import temporalio.converter

    if project.data_converter is None:
        project.data_converter = temporalio.converter.DataConverter.default
    projects._add_class(project, workflow)
    [name] = project.definitions
    host.facts.workflow_type = name
    made = Run(project)
    try:
        return made.to_end([payload(value) for value in arguments]), made
    except Idle:
        return None, made


def payload(value):
    import temporalio.converter
    from mainspring_guest import wire

    [made] = temporalio.converter.DataConverter.default.payload_converter.to_payloads([value])
    return wire.payload_out(made)


def value_of(payload):
    import temporalio.converter
    from mainspring_guest import wire

    converter = temporalio.converter.DataConverter.default.payload_converter
    return converter.from_payload(wire.payload_in(payload))


def resolved(handle: int, *values):
    outcome = wit.Outcome_Success([payload(value) for value in values])
    return events.Event_Resolved(events.Resolution(handle, outcome))


def failed(handle: int, *nodes, how=None):
    outcome = (how or wit.Outcome_Failed)(list(nodes))
    return events.Event_Resolved(events.Resolution(handle, outcome))


def started(handle: int, run_id: str = "child-run"):
    return events.Event_Started(events.StartNotice(handle, events.StartOutcome_Child(run_id)))


def signal(name: str, *values):
    arguments = [payload(value) for value in values]
    return events.Event_Signal(events.Signal(name, arguments, [], "tester", 7))


def query(name: str, *values, id: str = "q"):
    return events.Event_Query(events.Query(id, name, [payload(value) for value in values], []))


def update(name: str, *values, id: str = "u", validate: bool = True):
    arguments = [payload(value) for value in values]
    return events.Event_Update(events.Update(id, name, arguments, [], "tester", validate))


def cancel(reason: str = "asked"):
    return events.Event_CancelRequested(reason)


def application(message: str, error_type: str = ""):
    kind = wit.ApplicationFailure(error_type, False, [], None, wit.FailureCategory.UNSPECIFIED)
    return wit.FailureNode(message, "test", "", None, wit.FailureKind_Application(kind))


def activity_failure(message: str = "activity task failed"):
    kind = wit.ActivityFailure(5, 6, "worker", "act", "1", wit.RetryState.MAXIMUM_ATTEMPTS_REACHED)
    return wit.FailureNode(message, "test", "", None, wit.FailureKind_Activity(kind))


def child_failure(message: str):
    kind = wit.ChildWorkflowFailure(
        wit.Execution("default", "child", ""), "Child", 5, 0, wit.RetryState.UNSPECIFIED
    )
    return wit.FailureNode(message, "test", "", None, wit.FailureKind_ChildWorkflow(kind))


def cancelled(message: str = "canceled"):
    kind = wit.FailureKind_Cancelled(wit.CancelledFailure([], ""))
    return wit.FailureNode(message, "test", "", None, kind)


def task():
    return info.TaskInfo(
        history_length=3,
        history_size_bytes=300,
        continue_as_new_suggested=True,
        suggest_reasons=info.SuggestReasons(0),
        deployment_name="shop",
        version_label="v1",
        target_version_changed=False,
        last_sdk_version="",
        sdk_flags=[],
    )


def facts(**changes):
    made = info.RunInfo(
        namespace="default",
        workflow_id="w",
        run_id="r",
        workflow_type="",
        task_queue="queue",
        first_run_id="first",
        original_run_id="original",
        continued_from_run_id=None,
        continued_initiator=info.ContinuedInitiator.NONE,
        continued_failure=None,
        last_completion_result=[],
        parent=wit.Execution("", "parent", "parent-run"),
        root=wit.Execution("", "root", "root-run"),
        attempt=1,
        start_time=START,
        execution_deadline=None,
        workflow_execution_timeout=None,
        workflow_run_timeout=60_000_000_000,
        workflow_task_timeout=10_000_000_000,
        retry_policy=None,
        cron_schedule="",
        cron_schedule_to_schedule_interval=None,
        headers=[],
        memo=[("colour", payload("red"))],
        search_attributes=[],
        priority=None,
        identity="tester",
        random_seed=42,
    )
    return dataclasses.replace(made, **changes)
