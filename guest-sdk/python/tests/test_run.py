"""One run against a host that the test plays: events in, calls out."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from componentize_py_types import Err, Ok
from host import (
    Host,
    activity_failure,
    application,
    cancel,
    cancelled,
    child_failure,
    failed,
    payload,
    query,
    resolved,
    run,
    signal,
    started,
    update,
    value_of,
)
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import SearchAttributeKey
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from wit_world import RunOutcome_Cancelled, RunOutcome_Completed, RunOutcome_Failed
from wit_world.imports import events
from wit_world.imports import types as wit

TEN = timedelta(seconds=10)
COLOUR = SearchAttributeKey.for_keyword("Colour")


@workflow.defn
class Steps:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, name: str) -> str:
        greeting = await workflow.execute_activity(
            "greet", name, start_to_close_timeout=TEN, summary="says hello"
        )
        await asyncio.sleep(2)
        await workflow.wait_condition(lambda: bool(self.heard))
        return f"{greeting}, {self.heard[0]}"

    @workflow.signal
    def hear(self, what: str) -> None:
        self.heard.append(what)

    @workflow.query
    def all_heard(self) -> list[str]:
        return self.heard

    @workflow.update
    async def say(self, what: str) -> int:
        await asyncio.sleep(1)
        self.heard.append(what)
        return len(self.heard)

    @say.validator
    def may_say(self, what: str) -> None:
        if not what:
            raise ValueError("nothing said")

    @workflow.update
    def count(self) -> int:
        return len(self.heard)


def test_an_activity_a_timer_and_a_signal_lead_to_the_result():
    host = Host([], [resolved(1, "hello")], [resolved(2)], [signal("hear", "you")])
    end, _ = run(host, Steps, "ann")
    assert host.names() == ["start_activity", "start_timer"]
    options = host.last("start_activity")
    assert (options.activity_type, options.activity_id, options.task_queue) == ("greet", None, None)
    assert options.start_to_close_timeout == 10_000_000_000
    assert value_of(options.metadata.summary) == "says hello"
    assert host.last("start_timer") == 2_000_000_000
    assert isinstance(end, RunOutcome_Completed) and value_of(end.value[0]) == "hello, you"


def test_early_messages_come_with_the_start():
    host = Host([signal("hear", "early")], [resolved(1, "hello")], [resolved(2)])
    end, _ = run(host, Steps, "ann")
    assert value_of(end.value[0]) == "hello, early"


def test_queries_are_answered_in_between_and_behind_the_end():
    host = Host([], [query("all_heard")], [query("nonsense")], [signal("hear", "x")])
    end, _ = run(host, Steps, "ann")
    assert end is None
    answers = [answer for name, answer in host.calls if name == "answer_query"]
    assert answers[0][1] == Ok(payload([]))
    assert isinstance(answers[1][1], Err) and "nonsense" in answers[1][1].value[0].message
    host = Host([signal("hear", "x")], [resolved(1, "hi")], [resolved(2)])
    end, made = run(host, Steps, "ann")
    host.batches.append(__import__("collections").deque([query("all_heard")]))
    host.batches.popleft()
    made.answer_queries()
    assert host.last("answer_query")[1] == Ok(payload(["x"]))


def test_an_update_is_accepted_before_anything_it_starts():
    host = Host([], [update("say", "word")], [resolved(2)])
    run(host, Steps, "ann")
    assert host.names() == ["start_activity", "accept_update", "start_timer", "complete_update"]
    assert host.last("complete_update") == ("u", Ok(payload(1)))


def test_a_validator_rejects():
    host = Host([], [update("say", "")])
    run(host, Steps, "ann")
    assert host.names() == ["start_activity", "reject_update"]
    identity, reason = host.last("reject_update")
    assert identity == "u" and reason[0].message == "nothing said"


def test_an_update_without_a_validator_is_no_read():
    host = Host([], [update("count")])
    run(host, Steps, "ann")
    assert host.names()[1:] == ["accept_unvalidated_update", "complete_update"]


def test_an_update_beside_the_start_is_decided_first():
    host = Host([signal("hear", "x"), update("say", "y")])
    run(host, Steps, "ann")
    assert host.names()[0] == "accept_update"


def test_an_unknown_update_is_rejected():
    host = Host([], [update("nonsense")])
    run(host, Steps, "ann")
    assert "nonsense" in host.last("reject_update")[1][0].message


@workflow.defn
class Cancels:
    @workflow.run
    async def run(self, how: str) -> str:
        handle = workflow.start_activity(
            "long",
            start_to_close_timeout=TEN,
            cancellation_type=workflow.ActivityCancellationType[how],
        )
        try:
            await asyncio.wait_for(handle, 5)
        except (ActivityError, asyncio.TimeoutError) as error:
            return type(getattr(error, "cause", error)).__name__
        return "done"


def test_a_timeout_cancels_the_activity():
    host = Host([], [resolved(2)])
    end, _ = run(host, Cancels, "WAIT_CANCELLATION_COMPLETED")
    assert end is None and host.calls[-1] == ("cancel", (1, ""))
    host = Host([], [resolved(2)], [failed(1, activity_failure(), cancelled(), how=wit.Outcome_Cancelled)])
    end, _ = run(host, Cancels, "WAIT_CANCELLATION_COMPLETED")
    assert value_of(end.value[0]) in ("CancelledError", "TimeoutError")


def test_a_cancel_request_reaches_the_code():
    host = Host([], [cancel()], [])
    end, _ = run(host, Steps, "ann")
    assert host.names() == ["start_activity", "cancel"]
    host = Host([], [cancel()], [failed(1, activity_failure(), cancelled(), how=wit.Outcome_Cancelled)])
    end, _ = run(host, Steps, "ann")
    assert isinstance(end, RunOutcome_Cancelled)


@workflow.defn
class Race:
    @workflow.run
    async def run(self) -> str:
        timer = asyncio.create_task(asyncio.sleep(100))
        await workflow.execute_activity("act", start_to_close_timeout=TEN)
        timer.cancel()
        await asyncio.sleep(1)
        return "won"


def test_a_cancelled_timer_expects_no_answer():
    host = Host([], [resolved(1)], [resolved(3)])
    host_local = failed(2, cancelled("timer canceled"), how=wit.Outcome_Cancelled)
    cancel_call = host.calls

    from wit_world.imports import cancellation

    def cancel_timer(handle, reason):
        cancel_call.append(("cancel", handle))
        host.local.append(host_local)

    cancellation.cancel = cancel_timer
    end, _ = run(host, Race)
    assert value_of(end.value[0]) == "won" and ("cancel", 2) in host.calls


def test_a_failed_activity_fails_the_run_with_its_cause():
    host = Host([], [failed(1, activity_failure(), application("declined", "CardDeclined"))])
    end, _ = run(host, Steps, "ann")
    assert isinstance(end, RunOutcome_Failed)
    assert [node.message for node in end.value][-1] == "declined"
    assert end.value[-1].kind.value.error_type == "CardDeclined"


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> str:
        try:
            child = await workflow.start_child_workflow("Child", 1, id="child")
        except WorkflowAlreadyStartedError:
            return "already"
        await child.signal("go", True)
        return await child


def test_a_child_starts_is_signalled_and_closes():
    host = Host([], [started(1)], [resolved(2)], [resolved(1, "grown")])
    end, _ = run(host, Parent)
    assert value_of(end.value[0]) == "grown"
    target, name, arguments, _ = host.last("signal_workflow")
    assert (target.value, name, value_of(arguments[0])) == (1, "go", True)


def test_a_child_whose_id_is_taken_raises_what_the_library_raises():
    taken = application("there already", "WorkflowExecutionAlreadyStarted")
    host = Host([], [failed(1, child_failure("could not start"), taken)])
    end, _ = run(host, Parent)
    assert value_of(end.value[0]) == "already"


def test_a_child_of_an_unknown_type_fails_with_the_reason():
    unknown = application("no component exports it", "WorkflowTypeNotFound")
    host = Host([], [failed(1, child_failure("could not start"), unknown)])
    end, _ = run(host, Parent)
    assert isinstance(end, RunOutcome_Failed) and end.value[-1].message == "no component exports it"


@workflow.defn
class Knows:
    @workflow.run
    async def run(self) -> None:
        known = workflow.info()
        SEEN.update(
            parent=known.parent.workflow_id,
            root=known.root.workflow_id,
            first=known.first_execution_run_id,
            timeout=known.run_timeout,
            queue=known.task_queue,
            length=known.get_current_history_length(),
            suggested=known.is_continue_as_new_suggested(),
            version=known.get_current_deployment_version().build_id,
            memo=workflow.memo_value("colour"),
            now=workflow.now().isoformat(),
        )


SEEN: dict = {}


def test_what_a_run_knows_of_itself():
    run(Host([]), Knows)
    assert SEEN == {
        "parent": "parent",
        "root": "root",
        "first": "first",
        "timeout": timedelta(minutes=1),
        "queue": "queue",
        "length": 3,
        "suggested": True,
        "version": "v1",
        "memo": "red",
        "now": "2023-11-14T22:13:20+00:00",
    }


@workflow.defn
class Patched:
    @workflow.run
    async def run(self) -> list[bool]:
        workflow.deprecate_patch("old")
        return [workflow.patched("new"), workflow.patched("new")]


def test_patches_hold_from_the_beginning_where_no_markers_are_kept():
    for replaying in (False, True):
        host = Host([])
        host.replaying = replaying
        end, _ = run(host, Patched)
        assert value_of(end.value[0]) == [True, True]


@workflow.defn
class Again:
    @workflow.run
    async def run(self, count: int) -> None:
        workflow.continue_as_new(count + 1, memo={"a": 1}, run_timeout=TEN)


def test_continuing_as_new_carries_what_was_given():
    host = Host([])
    run(host, Again, 1)
    options = host.last("continue_as_new")
    assert value_of(options.input[0]) == 2 and options.workflow_run_timeout == 10_000_000_000
    assert [name for name, _ in options.memo] == ["a"] and options.search_attributes is None


@workflow.defn
class Wrong:
    @workflow.run
    async def run(self) -> None:
        raise TypeError("not like this")


def test_an_error_that_is_no_failure_fails_the_task_with_its_place():
    from mainspring_guest.run import ActivationFailed

    with pytest.raises(ActivationFailed) as error:
        run(Host([]), Wrong)
    assert error.value.message == "TypeError: not like this"
    assert "test_run.py" in error.value.place


@workflow.defn
class WrongKey:
    @workflow.run
    async def run(self) -> None:
        raise KeyError("k")


def test_interceptors_and_failure_types_of_the_project_take_effect():
    from temporalio.worker import Interceptor, WorkflowInboundInterceptor

    calls = []

    class Inbound(WorkflowInboundInterceptor):
        async def execute_workflow(self, input):
            calls.append(input.type)
            return await super().execute_workflow(input)

    class Counting(Interceptor):
        def workflow_interceptor_class(self, input):
            return Inbound

    end, _ = run(
        Host([]), WrongKey, interceptors=[Counting()], failure_exception_types=[KeyError]
    )
    assert calls and isinstance(end, RunOutcome_Failed)


@workflow.defn
class Calls:
    @workflow.run
    async def run(self) -> str:
        other = workflow.get_external_workflow_handle("other", run_id="its-run")
        await other.signal("hello", 1)
        try:
            await other.cancel()
        except ApplicationError as error:
            return error.type
        return "?"


def test_external_signals_and_cancels():
    host = Host([], [resolved(1)], [failed(2, application("gone", "NotFound"))])
    end, _ = run(host, Calls)
    assert value_of(end.value[0]) == "NotFound"
    target = host.last("signal_workflow")[0].value
    assert (target.namespace, target.workflow_id, target.run_id) == ("", "other", "its-run")


@workflow.defn
class Properties:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_memo({"a": 1, "b": None})
        workflow.upsert_search_attributes([COLOUR.value_set("red")])
        workflow.upsert_search_attributes([COLOUR.value_unset()])


def test_memo_and_search_attributes_change_and_go():
    host = Host([])
    run(host, Properties)
    fields = dict(host.last("upsert_memo"))
    assert value_of(fields["a"]) == 1 and fields["b"] is None
    changes = [value for name, value in host.calls if name == "upsert_search_attributes"]
    assert value_of(changes[0][0][1]) == "red" and changes[1] == [("Colour", None)]


class Reversing(PayloadCodec):
    """As simple as a codec can be."""

    async def encode(self, payloads):
        return [Payload(metadata={"encoding": b"reversed"}, data=p.data[::-1]) for p in payloads]

    async def decode(self, payloads):
        return [
            Payload(metadata={"encoding": b"json/plain"}, data=p.data[::-1])
            if p.metadata["encoding"] == b"reversed"
            else p
            for p in payloads
        ]


def test_a_payload_codec_is_applied_to_what_comes_and_goes():
    converter = dataclasses.replace(DataConverter.default, payload_codec=Reversing())
    hello = wit.Payload([("encoding", b"reversed")], b'"olleh"')
    answer = events.Event_Resolved(events.Resolution(1, wit.Outcome_Success([hello])))
    host = Host([], [answer], [resolved(2)], [signal("hear", "you")])
    end, _ = run(host, Steps, "ann", data_converter=converter)
    assert host.last("start_activity").input[0].data == b'"nna"'
    assert dict(end.value[0].metadata)["encoding"] == b"reversed"
    assert end.value[0].data[::-1] == b'"hello, you"'


def test_the_stack_goes_down_to_where_the_code_waits():
    host = Host([], [query("__stack_trace")], [query("__enhanced_stack_trace")])
    run(host, Steps, "ann")
    plain, enhanced = [answer for name, answer in host.calls if name == "answer_query"]
    assert "test_run.py" in value_of(plain[1].value) and "in run" in value_of(plain[1].value)
    assert isinstance(enhanced[1], Ok)


@workflow.defn
class Twins:
    @workflow.run
    async def run(self) -> None:
        child = await workflow.start_child_workflow("Child", id="child")
        try:
            await workflow.start_child_workflow("Child", id="child")
        except WorkflowAlreadyStartedError:
            await child.signal("go")


def test_a_signal_reaches_the_child_that_has_the_id():
    taken = application("there already", "WorkflowExecutionAlreadyStarted")
    host = Host([], [started(1)], [failed(2, child_failure("could not start"), taken)])
    run(host, Twins)
    assert host.last("signal_workflow")[0].value == 1
