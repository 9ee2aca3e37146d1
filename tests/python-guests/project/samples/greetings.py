"""Hello in its variations: activities, retries, timers, children, results of all kinds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError

with workflow.unsafe.imports_passed_through():
    from samples.activities import (
        ComposeGreetingInput,
        compose_greeting,
        double,
        echo,
        fail_for_good,
        flaky,
        say_hello,
    )


@workflow.defn
class GreetingWorkflow:
    """Greets somebody."""

    @workflow.run
    async def run(self, name: str) -> str:
        workflow.logger.info("Running workflow with parameter %s", name)
        return await workflow.execute_activity(
            compose_greeting,
            ComposeGreetingInput("Hello", name),
            start_to_close_timeout=timedelta(seconds=10),
        )


@workflow.defn
class RetryWorkflow:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity(
            flaky,
            3,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )


@workflow.defn
class ExceptionWorkflow:
    @workflow.run
    async def run(self, name: str) -> str:
        try:
            return await workflow.execute_activity(
                fail_for_good, name, start_to_close_timeout=timedelta(seconds=10)
            )
        except ActivityError as err:
            cause = err.cause
            assert isinstance(cause, ApplicationError)
            if name == "handled":
                return f"{cause.type}: {cause.message} {cause.details[0]['name']}"
            raise ApplicationError("gave up", type="GaveUp") from err


@workflow.defn
class ParallelActivitiesWorkflow:
    @workflow.run
    async def run(self) -> list[str]:
        results = await asyncio.gather(
            *(
                workflow.execute_activity(
                    say_hello, f"user{i}", start_to_close_timeout=timedelta(seconds=5)
                )
                for i in range(1, 6)
            )
        )
        return list(sorted(results))


@workflow.defn
class AsCompletedWorkflow:
    """Everything that asyncio offers for waiting on several things."""

    @workflow.run
    async def run(self) -> dict[str, list[int]]:
        def start(i: int):
            return workflow.start_activity(double, i, start_to_close_timeout=timedelta(seconds=5))

        done: list[int] = []
        for next_done in workflow.as_completed([start(i) for i in range(4)]):
            done.append(await next_done)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.twice(i)) for i in range(3)]
        finished, _ = await workflow.wait([start(9), start(8)])
        return {
            "completed": sorted(done),
            "group": [task.result() for task in tasks],
            "waited": sorted(task.result() for task in finished),
        }

    async def twice(self, i: int) -> int:
        await asyncio.sleep(0.01 * (3 - i))
        return await workflow.execute_activity(
            double, i, start_to_close_timeout=timedelta(seconds=5)
        )


@workflow.defn
class LocalActivityWorkflow:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_local_activity(
            say_hello, name, start_to_close_timeout=timedelta(seconds=5)
        )


@dataclass
class ComposeArgs:
    greeting: str
    name: str


@workflow.defn
class ComposeChildWorkflow:
    @workflow.run
    async def run(self, args: ComposeArgs) -> str:
        if args.name == "nobody":
            raise ApplicationError("nobody to greet", type="Nobody")
        return f"{args.greeting}, {args.name}!"


@workflow.defn
class ParentWorkflow:
    @workflow.run
    async def run(self, name: str) -> str:
        try:
            return await workflow.execute_child_workflow(
                ComposeChildWorkflow.run,
                ComposeArgs("Hello", name),
                id=f"{workflow.info().workflow_id}-child",
            )
        except ChildWorkflowError as err:
            return f"child failed: {err.cause}"


@workflow.defn
class SleepForDaysWorkflow:
    """Sends an email every thirty days until it is told to stop."""

    def __init__(self) -> None:
        self.done = False
        self.sent = 0

    @workflow.run
    async def run(self, period: float) -> int:
        while not self.done:
            await workflow.execute_activity(
                say_hello, "customer", start_to_close_timeout=timedelta(seconds=10)
            )
            self.sent += 1
            try:
                await workflow.wait_condition(lambda: self.done, timeout=period)
            except asyncio.TimeoutError:
                pass
        return self.sent

    @workflow.signal
    def complete(self) -> None:
        self.done = True


@workflow.defn
class EchoWorkflow:
    """Payloads there and back: through the workflow and through an activity."""

    @workflow.run
    async def run(self, value: dict) -> dict:
        return await workflow.execute_activity(
            "echo", value, start_to_close_timeout=timedelta(seconds=5)
        )


@workflow.defn(dynamic=True)
class AnythingWorkflow:
    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> str:
        values = [workflow.payload_converter().from_payload(arg.payload) for arg in args]
        return f"{workflow.info().workflow_type}{values}"
