"""Activities through the official SDK: retries, timeouts, heartbeats, completion
from outside."""

import asyncio
import uuid

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    TimeoutError,
    TimeoutType,
)
from worker import TOKENS


def new_id() -> str:
    return f"activity-{uuid.uuid4()}"


async def run(client, call: dict, workflow_id: str | None = None):
    return await client.execute_workflow(
        "OneActivity", call, id=workflow_id or new_id(), task_queue="kit"
    )


async def failure_of(client, call: dict) -> ActivityError:
    with pytest.raises(WorkflowFailureError) as failed:
        await run(client, call)
    assert isinstance(failed.value.cause, ActivityError)
    return failed.value.cause


async def test_act_01_a_result_comes_back_as_it_was(client, worker):
    for value in [1, "täxt", [1, {"a": None}], 2**53, 1.5, True]:
        assert await run(client, {"input": {"do": "echo", "value": value}}) == value


async def test_act_08_a_failed_attempt_is_retried(client, worker):
    assert await run(client, {"input": {"do": "fail until", "attempt": 3}}) == 3


async def test_act_08_attempts_are_counted(client, worker):
    failed = await failure_of(client, {"input": {"do": "fail"}, "maximum_attempts": 2})
    assert failed.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED
    assert isinstance(failed.cause, ApplicationError)
    assert (failed.cause.type, list(failed.cause.details)) == ("Declined", ["a detail"])


async def test_act_09_what_is_not_retryable_is_not_retried(client, worker):
    told = await failure_of(client, {"input": {"do": "fail", "non_retryable": True}})
    assert told.retry_state == RetryState.NON_RETRYABLE_FAILURE
    listed = await failure_of(client, {"input": {"do": "fail"}, "non_retryable": ["Declined"]})
    assert listed.retry_state == RetryState.NON_RETRYABLE_FAILURE


async def test_act_10_a_failure_asks_for_its_own_delay(client, worker):
    call = {"input": {"do": "ask for a delay", "delay_ms": 50}, "initial_interval_ms": 600_000}
    assert await run(client, call) == 2


async def timeout_of(client, call: dict) -> TimeoutType:
    failed = await failure_of(client, call)
    assert isinstance(failed.cause, TimeoutError)
    return failed.cause.type


async def test_act_03_schedule_to_close_is_final(client, worker):
    call = {"input": {"do": "sleep", "ms": 5_000}, "schedule_to_close_ms": 300}
    assert await timeout_of(client, call) == TimeoutType.SCHEDULE_TO_CLOSE


async def test_act_04_start_to_close_ends_an_attempt(client, worker):
    call = {"input": {"do": "sleep", "ms": 5_000}, "start_to_close_ms": 200, "maximum_attempts": 2}
    assert await timeout_of(client, call) == TimeoutType.START_TO_CLOSE


async def test_act_05_schedule_to_start_is_for_queues_without_workers(client, worker):
    call = {"input": {"do": "echo"}, "schedule_to_start_ms": 200, "task_queue": "nobody"}
    assert await timeout_of(client, call) == TimeoutType.SCHEDULE_TO_START


async def test_act_06_a_silent_attempt_times_out(client, worker):
    call = {"input": {"do": "sleep", "ms": 5_000}, "heartbeat_ms": 200, "maximum_attempts": 1}
    assert await timeout_of(client, call) == TimeoutType.HEARTBEAT


async def test_act_07_the_next_attempt_reads_the_last_heartbeat(client, worker):
    call = {"input": {"do": "heartbeat then fail", "progress": 7}, "heartbeat_ms": 5_000}
    assert await run(client, call) == [7]


async def test_act_12_describe_shows_attempts(client, worker):
    call = {"input": {"do": "fail"}, "initial_interval_ms": 600_000}
    handle = await client.start_workflow("OneActivity", call, id=new_id(), task_queue="kit")
    while True:
        pending = (await handle.describe()).raw_description.pending_activities
        if pending and pending[0].attempt == 2:
            break
        await asyncio.sleep(0.05)
    assert pending[0].last_failure.message == "declined"
    assert pending[0].next_attempt_schedule_time.seconds > 0
    await handle.terminate()


async def test_act_14_a_heartbeating_activity_hears_of_the_cancel(client, worker):
    call = {"input": {"do": "heartbeat for ever"}, "heartbeat_ms": 500, "start_to_close_ms": 60_000}
    handle = await client.start_workflow("OneActivity", call, id=new_id(), task_queue="kit")
    while not (await handle.describe()).raw_description.pending_activities:
        await asyncio.sleep(0.05)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), 20)
    assert (await handle.describe()).status.name == "CANCELED"


async def start_asynchronous(client) -> str:
    workflow_id = new_id()
    call = {"input": {"do": "complete elsewhere"}, "activity_id": "outside"}
    await client.start_workflow("OneActivity", call, id=workflow_id, task_queue="kit")
    while workflow_id not in TOKENS:
        await asyncio.sleep(0.02)
    return workflow_id


async def test_act_15_an_activity_is_completed_from_outside(client, worker):
    by_token = await start_asynchronous(client)
    handle = client.get_async_activity_handle(task_token=TOKENS[by_token])
    await handle.heartbeat("working")
    await handle.complete("by token")
    assert await client.get_workflow_handle(by_token).result() == "by token"
    by_id = await start_asynchronous(client)
    handle = client.get_async_activity_handle(
        workflow_id=by_id, run_id=None, activity_id="outside"
    )
    await handle.complete("by ID")
    assert await client.get_workflow_handle(by_id).result() == "by ID"


async def test_act_15_an_activity_is_failed_from_outside(client, worker):
    workflow_id = await start_asynchronous(client)
    handle = client.get_async_activity_handle(task_token=TOKENS[workflow_id])
    await handle.fail(ApplicationError("no", type="Declined", non_retryable=True))
    with pytest.raises(WorkflowFailureError):
        await client.get_workflow_handle(workflow_id).result()


async def test_many_activities_at_once(client, worker):
    result = await client.execute_workflow("FanOut", 200, id=new_id(), task_queue="kit")
    assert result == sum(range(200))
