"""Cancellation, timeouts, continue-as-new, patches, versions of the same thing."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError

with workflow.unsafe.imports_passed_through():
    from samples.activities import say_hello, undo, wait_for_ever


@workflow.defn
class CancellationWorkflow:
    """Cleans up when it is cancelled."""

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.execute_activity(
                wait_for_ever,
                start_to_close_timeout=timedelta(minutes=1),
                heartbeat_timeout=timedelta(seconds=5),
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        finally:
            await workflow.execute_activity(
                undo, "cleanup", start_to_close_timeout=timedelta(seconds=5)
            )


@workflow.defn
class CancelReasonWorkflow:
    @workflow.run
    async def run(self) -> str:
        try:
            await asyncio.sleep(1000)
            return "slept"
        except asyncio.CancelledError:
            return "refused to be cancelled"


@workflow.defn
class CancellationTypesWorkflow:
    @workflow.run
    async def run(self, how: str) -> str:
        handle = workflow.start_activity(
            wait_for_ever,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=5),
            cancellation_type=workflow.ActivityCancellationType[how],
        )
        await asyncio.sleep(0.05)
        handle.cancel()
        try:
            await handle
        except ActivityError as err:
            return type(err.cause).__name__
        return "not cancelled"


@workflow.defn
class TimeoutsWorkflow:
    @workflow.run
    async def run(self) -> list[str]:
        seen = []
        try:
            await workflow.execute_activity(
                "nobody has this",
                schedule_to_start_timeout=timedelta(milliseconds=50),
                start_to_close_timeout=timedelta(seconds=5),
                task_queue="a-queue-without-workers",
            )
        except ActivityError as err:
            assert isinstance(err.cause, TimeoutError)
            seen.append(err.cause.type.name)
        try:
            async with asyncio.timeout(0.05):
                await asyncio.sleep(100)
        except asyncio.TimeoutError:
            seen.append("asyncio.timeout")
        try:
            await asyncio.wait_for(workflow.wait_condition(lambda: False), 0.05)
        except asyncio.TimeoutError:
            seen.append("wait_for")
        shielded = asyncio.create_task(asyncio.sleep(0.02, "kept"))
        try:
            await asyncio.wait_for(asyncio.shield(shielded), 0.001)
        except asyncio.TimeoutError:
            seen.append(await shielded)
        return seen


@workflow.defn
class ContinueAsNewWorkflow:
    @workflow.run
    async def run(self, rounds: list[str]) -> list[str]:
        rounds.append(workflow.info().run_id)
        assert workflow.info().first_execution_run_id == rounds[0]
        if len(rounds) < 4:
            await asyncio.sleep(0.01)
            workflow.continue_as_new(rounds)
        return rounds


@workflow.defn
class PatchWorkflow:
    @workflow.run
    async def run(self) -> str:
        workflow.deprecate_patch("first-patch")
        if workflow.patched("second-patch"):
            return await workflow.execute_activity(
                say_hello, "patched", start_to_close_timeout=timedelta(seconds=5)
            )
        return "unpatched"


@workflow.defn
class CronWorkflow:
    """Counts its runs by the result of the one before."""

    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        return (last or 0) + 1


@workflow.defn
class RetriedWorkflow:
    @workflow.run
    async def run(self, until: int) -> str:
        attempt = workflow.info().attempt
        if attempt < until:
            raise ApplicationError(f"attempt {attempt}", type="TryAgain")
        failure = workflow.get_last_failure()
        return f"attempt {attempt} after {failure}"


@workflow.defn(failure_exception_types=[ValueError])
class FailureTypesWorkflow:
    @workflow.run
    async def run(self, kind: str) -> None:
        if kind == "value":
            raise ValueError("a value that fails the run")
        raise CancelledError("cancelled by itself")
