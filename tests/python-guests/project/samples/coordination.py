"""Workflows among themselves: mutex, sliding window, DSL, external handles."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from samples.activities import double, say_hello


@workflow.defn
class MutexWorkflow:
    """Gives a resource to one workflow after the other."""

    def __init__(self) -> None:
        self.requests: deque[str] = deque()
        self.released = False

    @workflow.run
    async def run(self) -> int:
        served = 0
        while True:
            try:
                await workflow.wait_condition(lambda: bool(self.requests), timeout=1.0)
            except asyncio.TimeoutError:
                return served
            holder = workflow.get_external_workflow_handle(self.requests.popleft())
            self.released = False
            await holder.signal("lock_acquired")
            await workflow.wait_condition(lambda: self.released)
            served += 1

    @workflow.signal
    def request_lock(self, workflow_id: str) -> None:
        self.requests.append(workflow_id)

    @workflow.signal
    def release_lock(self) -> None:
        self.released = True


@workflow.defn
class CriticalSectionWorkflow:
    def __init__(self) -> None:
        self.has_lock = False

    @workflow.run
    async def run(self, mutex: str) -> str:
        lock = workflow.get_external_workflow_handle_for(MutexWorkflow.run, mutex)
        await lock.signal(MutexWorkflow.request_lock, workflow.info().workflow_id)
        await workflow.wait_condition(lambda: self.has_lock)
        entered = await workflow.execute_activity(
            say_hello, workflow.info().workflow_id, start_to_close_timeout=timedelta(seconds=5)
        )
        await lock.signal(MutexWorkflow.release_lock)
        return entered

    @workflow.signal
    def lock_acquired(self) -> None:
        self.has_lock = True


@workflow.defn
class RecordProcessorWorkflow:
    @workflow.run
    async def run(self, record: int) -> int:
        return await workflow.execute_activity(
            double, record, start_to_close_timeout=timedelta(seconds=5)
        )


@dataclass
class Window:
    size: int
    records: int
    next: int = 0
    results: list[int] = field(default_factory=list)


@workflow.defn
class SlidingWindowWorkflow:
    """Children in flight are never more than the window; continues as new in between."""

    @workflow.run
    async def run(self, window: Window) -> list[int]:
        pending: list[asyncio.Task] = []
        started = 0
        while window.next < window.records and started < 4:
            if len(pending) == window.size:
                done, pending = await workflow.wait(
                    pending, return_when=asyncio.FIRST_COMPLETED
                )
                window.results += [await task for task in done]
            pending.append(
                await workflow.start_child_workflow(
                    RecordProcessorWorkflow.run,
                    window.next,
                    id=f"{workflow.info().workflow_id}/{window.next}",
                )
            )
            window.next += 1
            started += 1
        window.results += await asyncio.gather(*pending)
        if window.next < window.records:
            workflow.continue_as_new(window)
        return sorted(window.results)


@dataclass
class Step:
    activity: str | None = None
    argument: str = ""
    result: str = ""
    parallel: list["Step"] = field(default_factory=list)
    sequence: list["Step"] = field(default_factory=list)


@workflow.defn
class DslWorkflow:
    """Runs a program that is its input."""

    @workflow.run
    async def run(self, program: Step) -> dict[str, str]:
        self.variables: dict[str, str] = {}
        await self.execute(program)
        return dict(sorted(self.variables.items()))

    async def execute(self, step: Step) -> None:
        if step.activity:
            self.variables[step.result] = await workflow.execute_activity(
                step.activity,
                self.variables.get(step.argument, step.argument),
                start_to_close_timeout=timedelta(minutes=1),
                result_type=str,
            )
        for inner in step.sequence:
            await self.execute(inner)
        await asyncio.gather(*(self.execute(inner) for inner in step.parallel))


@workflow.defn
class SleeperWorkflow:
    def __init__(self) -> None:
        self.woken = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.woken)
        return "woken"

    @workflow.signal
    def wake(self) -> None:
        self.woken = True


@workflow.defn
class FamilyWorkflow:
    """Children in all ways: signalled, cancelled, in each other's way, left behind."""

    @workflow.run
    async def run(self) -> dict[str, str]:
        own = workflow.info().workflow_id
        seen: dict[str, str] = {}
        child = await workflow.start_child_workflow(SleeperWorkflow.run, id=f"{own}-a")
        try:
            await workflow.start_child_workflow(SleeperWorkflow.run, id=f"{own}-a")
        except WorkflowAlreadyStartedError as err:
            seen["taken"] = err.workflow_id
        await child.signal(SleeperWorkflow.wake)
        seen["signalled"] = await child
        second = await workflow.start_child_workflow(
            SleeperWorkflow.run,
            id=f"{own}-b",
            cancellation_type=ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        second.cancel()
        try:
            await second
        except Exception as err:
            seen["cancelled"] = f"{type(err).__name__}/{type(err.__cause__).__name__}"
        left = await workflow.start_child_workflow(
            SleeperWorkflow.run,
            id=f"{own}-c",
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
        seen["left"] = left.id
        try:
            await workflow.get_external_workflow_handle(f"{own}-nobody").signal("wake")
        except ApplicationError as err:
            seen["nobody"] = err.type or ""
        return seen


@workflow.defn
class CancelOtherWorkflow:
    @workflow.run
    async def run(self, other: str) -> str:
        await workflow.get_external_workflow_handle(other).cancel()
        return "asked"
