"""Cancellation, timeouts, chains of runs, and what a run shows of itself."""

import asyncio
from datetime import timedelta

import pytest
from helpers import eventually, kinds, new_id, run, start
from temporalio.client import WorkflowFailureError
from temporalio.common import (
    Priority,
    RetryPolicy,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.exceptions import CancelledError


async def test_a_cancelled_run_cleans_up(client):
    handle = await start(client, "CancellationWorkflow")

    async def is_at_work():
        return bool((await handle.describe()).raw_description.pending_activities)

    await eventually(is_at_work)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as cancelled:
        await handle.result()
    assert isinstance(cancelled.value.cause, CancelledError)
    seen = await kinds(handle)
    assert seen[-1] == "WORKFLOW_EXECUTION_CANCELED"
    assert seen.count("ACTIVITY_TASK_SCHEDULED") == 2


async def test_a_run_may_refuse_to_be_cancelled(client):
    handle = await start(client, "CancelReasonWorkflow")

    async def sleeps():
        return "TIMER_STARTED" in await kinds(handle)

    await eventually(sleeps)
    await handle.cancel()
    assert await handle.result() == "refused to be cancelled"


@pytest.mark.parametrize("how", ["TRY_CANCEL", "WAIT_CANCELLATION_COMPLETED", "ABANDON"])
async def test_activities_are_cancelled_in_three_ways(client, how):
    assert await run(client, "CancellationTypesWorkflow", how) == "CancelledError"


async def test_timeouts_of_all_kinds(client):
    assert await run(client, "TimeoutsWorkflow") == [
        "SCHEDULE_TO_START", "asyncio.timeout", "wait_for", "kept",
    ]


async def test_a_run_continues_as_new(client):
    rounds = await run(client, "ContinueAsNewWorkflow", [])
    assert len(set(rounds)) == 4


async def test_patches_hold_from_the_beginning(client):
    assert await run(client, "PatchWorkflow") == "Hello, patched!"


async def test_a_workflow_is_retried_and_knows_why(client):
    result = await run(
        client, "RetriedWorkflow", 3,
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
    )
    assert result == "attempt 3 after TryAgain: attempt 2"


async def test_a_cron_run_knows_the_result_before(client):
    handle = await start(client, "CronWorkflow", cron_schedule="@every 1s")

    async def has_counted():
        async for event in handle.fetch_history_events():
            attributes = event.workflow_execution_started_event_attributes
            if attributes.HasField("last_completion_result"):
                return True
        return False

    handle = client.get_workflow_handle(handle.id)
    await eventually(has_counted)
    await handle.terminate()


async def test_failure_types_of_a_workflow(client):
    for kind, said in (("value", "a value that fails the run"), ("other", "cancelled by itself")):
        with pytest.raises(WorkflowFailureError) as failed:
            await run(client, "FailureTypesWorkflow", kind)
        assert said in str(failed.value.cause)


async def test_memo_search_attributes_and_details(client):
    colour = SearchAttributeKey.for_keyword("Colour")
    count = SearchAttributeKey.for_int("Count")
    handle = await start(
        client, "PropertiesWorkflow", memo={"from": "the start"},
        search_attributes=TypedSearchAttributes([SearchAttributePair(colour, "red")]),
    )
    assert await handle.result() == {
        "memo": "the start", "colour": "red", "colour after": "blue",
    }
    described = await handle.describe()
    assert await described.memo() == {"stage": "working"}
    assert described.typed_search_attributes.get(colour) == "blue"
    assert described.typed_search_attributes.get(count) is None
    metadata = await handle.query("__temporal_workflow_metadata")
    assert metadata.current_details == "nearly **done**"


async def test_a_run_knows_what_it_is(client):
    identity = new_id("info")
    seen = await run(
        client, "InfoWorkflow", id=identity, run_timeout=timedelta(minutes=5),
        priority=Priority(priority_key=2),
    )
    assert seen == {
        "workflow_id": identity,
        "workflow_type": "InfoWorkflow",
        "task_queue": "samples",
        "namespace": "default",
        "attempt": 1,
        "run_timeout": 300.0,
        "first": True,
        "history": True,
        "started": True,
        "parent": None,
        "root": None,
        "priority": 2,
        "headers": [],
        "tenant": "nobody",
    }
