"""The behaviours of `tests/conformance/README.md`, in Python. Each workflow is written the
way its language teaches; type names, inputs and the order of operations are what all
languages share."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DECLINED = {"do": "fail", "type": "Declined", "message": "no funds", "detail": {"short": 5}}
COLOUR = SearchAttributeKey.for_keyword("Colour")


def start(given: Any) -> workflow.ActivityHandle[Any]:
    """One minute for each attempt, no retry."""
    return workflow.start_activity(
        "Do",
        given,
        start_to_close_timeout=MINUTE,
        retry_policy=RetryPolicy(maximum_attempts=1),
    )


async def do(given: Any) -> Any:
    return await start(given)


@workflow.defn
class ActivityResult:
    @workflow.run
    async def run(self, name: str) -> Any:
        return await do({"do": "echo", "value": f"Hello, {name}!"})


@workflow.defn
class ActivityRetried:
    @workflow.run
    async def run(self) -> Any:
        return await workflow.execute_activity(
            "Do",
            {"do": "fail until", "attempt": 3},
            start_to_close_timeout=MINUTE,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(milliseconds=10), maximum_attempts=5
            ),
        )


@workflow.defn
class ActivityFailureReturned:
    @workflow.run
    async def run(self) -> Any:
        return await do(DECLINED)


@workflow.defn
class ActivityFailureCaught:
    @workflow.run
    async def run(self) -> Any:
        try:
            await do(DECLINED)
        except ActivityError as error:
            kind = error.cause.type if isinstance(error.cause, ApplicationError) else "none"
            return await do({"do": "echo", "value": kind})
        return "it succeeded"


@workflow.defn
class Parallel:
    @workflow.run
    async def run(self) -> list[Any]:
        calls = [start({"do": "echo", "value": value}) for value in ("a", "b", "c")]
        return list(await asyncio.gather(*calls))


@workflow.defn
class FanOut:
    @workflow.run
    async def run(self, count: int) -> int:
        calls = [start({"do": "echo", "value": value}) for value in range(count)]
        return sum(await asyncio.gather(*calls))


async def sleeping() -> asyncio.Task[None]:
    """A timer of an hour that has started: a task only does when the code waits."""
    hour = asyncio.create_task(workflow.sleep(HOUR))
    await asyncio.sleep(0)
    return hour


@workflow.defn
class Sleeps:
    @workflow.run
    async def run(self, sleep_ms: int) -> str:
        await asyncio.sleep(sleep_ms / 1000)
        return "slept"


@workflow.defn
class TimerCancelled:
    @workflow.run
    async def run(self) -> str:
        hour = await sleeping()
        await asyncio.sleep(0.01)
        hour.cancel()
        try:
            await hour
        except asyncio.CancelledError:
            return "cancelled"
        return "fired"


@workflow.defn
class Race:
    @workflow.run
    async def run(self) -> Any:
        hour = await sleeping()
        activity = start({"do": "echo", "value": "the activity"})
        done, _ = await workflow.wait(
            [hour, activity], return_when=asyncio.FIRST_COMPLETED
        )
        if activity in done:
            hour.cancel()
            return activity.result()
        return "the timer"


@workflow.defn
class Cancellable:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(HOUR)


@workflow.defn
class Cleanup:
    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.sleep(HOUR)
        except asyncio.CancelledError:
            await do({"do": "clean up"})
            raise


@workflow.defn
class ActivityCancelled:
    @workflow.run
    async def run(self, kind: str) -> Any:
        kinds = {
            "try": workflow.ActivityCancellationType.TRY_CANCEL,
            "abandon": workflow.ActivityCancellationType.ABANDON,
            "wait": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        }
        return await workflow.execute_activity(
            "Do",
            {"do": "wait for cancel"},
            start_to_close_timeout=HOUR,
            heartbeat_timeout=MINUTE,
            cancellation_type=kinds[kind],
        )


@workflow.defn
class Random:
    @workflow.run
    async def run(self) -> bool:
        before = (workflow.random().random(), workflow.uuid4(), workflow.now())
        await asyncio.sleep(0.01)
        after = (workflow.random().random(), workflow.uuid4(), workflow.now())
        return before[0] != after[0] and before[1] != after[1] and before[2] < after[2]


@workflow.defn
class Collector:
    def __init__(self) -> None:
        self._items: list[Any] = []

    @workflow.run
    async def run(self, count: int) -> list[Any]:
        await workflow.wait_condition(lambda: len(self._items) >= count)
        return self._items

    @workflow.signal
    def add(self, item: Any) -> None:
        self._items.append(item)

    @workflow.query
    def items(self) -> list[Any]:
        return self._items


@workflow.defn
class Gate:
    def __init__(self) -> None:
        self._open = False

    @workflow.run
    async def run(self, wait_ms: int) -> str:
        try:
            await workflow.wait_condition(
                lambda: self._open, timeout=timedelta(milliseconds=wait_ms)
            )
        except asyncio.TimeoutError:
            return "too late"
        return "opened"

    @workflow.signal
    def open(self) -> None:
        self._open = True


@workflow.defn
class Account:
    def __init__(self) -> None:
        self._balance = 0
        self._closed = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._closed)
        return self._balance

    @workflow.update
    def add(self, amount: int) -> int:
        self._balance += amount
        return self._balance

    @add.validator
    def check_add(self, amount: int) -> None:
        if self._balance + amount < 0:
            raise ApplicationError("the balance cannot be negative", type="Overdrawn")

    @workflow.update
    async def add_from_activity(self, amount: int) -> int:
        self._balance += await do({"do": "echo", "value": amount})
        return self._balance

    @workflow.update
    def refuse(self) -> None:
        raise ApplicationError("never", type="Never")

    @workflow.signal
    def close(self) -> None:
        self._closed = True


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, value: Any) -> Any:
        return value


@workflow.defn
class Fails:
    @workflow.run
    async def run(self, final: bool) -> None:
        raise ApplicationError("no funds", {"short": 5}, type="Declined", non_retryable=final)


@workflow.defn
class Countdown:
    @workflow.run
    async def run(self, left: int) -> str:
        if left > 0:
            workflow.continue_as_new(left - 1)
        return "lift-off"


@workflow.defn
class Labels:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([COLOUR.value_set("red")])
        workflow.upsert_memo({"note": "hello"})
        await asyncio.sleep(0.01)
        workflow.upsert_search_attributes([COLOUR.value_unset()])


def child_id() -> str:
    return f"{workflow.info().workflow_id}-child"


@workflow.defn
class Child:
    @workflow.run
    async def run(self, value: Any) -> Any:
        return await workflow.execute_child_workflow(Echo.run, value, id=child_id())


@workflow.defn
class ChildFails:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_child_workflow(Fails.run, True, id=child_id())


@workflow.defn
class ChildCancelled:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_child_workflow(Cancellable.run, id=child_id())


@workflow.defn
class Messenger:
    @workflow.run
    async def run(self, to: str) -> list[bool]:
        other = workflow.get_external_workflow_handle(to)
        found = []
        for sent in (lambda: other.signal("add", "hello"), other.cancel):
            try:
                await sent()
                found.append(True)
            except ApplicationError:
                found.append(False)
        return found
