"""Workflow executions through the official SDK's client."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHistory,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode


def new_id() -> str:
    return f"workflow-{uuid.uuid4()}"


async def collector(client, count: int = 1, **options):
    options.setdefault("id", new_id())
    return await client.start_workflow("Collector", count, task_queue="kit", **options)


async def test_msg_01_signals_arrive_in_order(client):
    handle = await collector(client, 50)
    for n in range(50):
        await handle.signal("add", n)
    assert await handle.result() == list(range(50))


async def test_msg_08_queries_see_what_was_acknowledged_and_answer_after_the_close(client):
    handle = await collector(client, 2)
    await handle.signal("add", "a")
    assert await handle.query("items") == ["a"]
    await handle.signal("add", "b")
    await handle.result()
    assert await handle.query("items") == ["a", "b"]
    with pytest.raises(WorkflowQueryFailedError, match="items"):
        await handle.query("nothing")


async def test_lif_03_an_open_run_keeps_its_id(client):
    handle = await collector(client)
    with pytest.raises(WorkflowAlreadyStartedError) as taken:
        await collector(client, id=handle.id)
    assert taken.value.run_id == handle.result_run_id
    same = await collector(
        client, id=handle.id, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )
    assert same.result_run_id == handle.result_run_id
    other = await collector(
        client, id=handle.id, id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
    )
    assert other.result_run_id != handle.result_run_id
    with pytest.raises(WorkflowFailureError) as ended:
        await client.get_workflow_handle(handle.id, run_id=handle.result_run_id).result()
    assert isinstance(ended.value.cause, TerminatedError)


async def test_lif_02_a_closed_run_may_keep_its_id(client):
    handle = await collector(client)
    await handle.signal("add", 1)
    await handle.result()
    for policy in (
        WorkflowIDReusePolicy.REJECT_DUPLICATE,
        WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    ):
        with pytest.raises(WorkflowAlreadyStartedError):
            await collector(client, id=handle.id, id_reuse_policy=policy)
    again = await collector(client, id=handle.id)
    assert again.result_run_id != handle.result_run_id


async def test_lif_11_a_cancelled_workflow_cleans_up(client, worker):
    handle = await client.start_workflow("Sleeper", 600_000, id=new_id(), task_queue="kit")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    history = await handle.fetch_history()
    kinds = [event.event_type for event in history.events]
    assert len(kinds) == len(set(event.event_id for event in history.events))
    assert any("clean up" in str(event) for event in history.events)


async def test_lif_12_a_terminated_workflow_runs_no_more_code(client):
    handle = await collector(client)
    await handle.terminate(reason="enough")
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, TerminatedError)
    with pytest.raises(RPCError) as closed:
        await handle.signal("add", 1)
    assert closed.value.status == RPCStatusCode.NOT_FOUND


async def test_lif_06_an_execution_times_out(client):
    handle = await collector(client, execution_timeout=timedelta(milliseconds=200))
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, TimeoutError)


async def test_tim_01_a_timer_fires(client):
    result = await client.execute_workflow("Sleeper", 100, id=new_id(), task_queue="kit")
    assert result == "slept"


async def test_wf_21_a_failure_keeps_its_type_and_details(client):
    with pytest.raises(WorkflowFailureError) as failed:
        await client.execute_workflow("Failer", "not today", id=new_id(), task_queue="kit")
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type, list(cause.details)) == ("not today", "Declined", ["a detail"])


async def test_wf_03_a_bug_blocks_the_run_and_says_so(client):
    handle = await client.start_workflow("Panicker", id=new_id(), task_queue="kit")
    while True:
        description = (await handle.describe()).raw_description
        if description.pending_workflow_task.attempt > 1:
            break
        await asyncio.sleep(0.05)
    problems = description.workflow_execution_info.search_attributes.indexed_fields
    assert b"there is a bug in the workflow" in problems["TemporalReportedProblems"].data
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def test_vis_01_and_02_lists_and_counts(client):
    ids = {(await collector(client)).id for _ in range(5)}
    query = "WorkflowType = 'Collector' AND ExecutionStatus = 'Running'"
    listed = {run.id async for run in client.list_workflows(query, page_size=2)}
    assert ids <= listed
    one = next(iter(ids))
    assert (await client.count_workflows(f"WorkflowId = '{one}'")).count == 1
    groups = (await client.count_workflows("GROUP BY ExecutionStatus")).groups
    assert any(group.group_values == ["Running"] for group in groups)
    with pytest.raises(RPCError, match="character 1"):
        await client.count_workflows("Colour = 'red'")


async def test_lif_16_histories_are_gapless_and_the_sdk_reads_them(client, worker):
    workflow_id = new_id()
    await client.execute_workflow("FanOut", 100, id=workflow_id, task_queue="kit")
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    ids = [event.event_id for event in history.events]
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) > 256, "it takes more than a page"
    read_back = WorkflowHistory.from_json(workflow_id, history.to_json())
    assert read_back.events == history.events


async def test_bad_input_is_refused_in_words(client):
    with pytest.raises(RPCError) as unknown_type:
        await client.start_workflow("Nothing", id=new_id(), task_queue="kit")
    assert unknown_type.value.status == RPCStatusCode.NOT_FOUND
    assert "mainspring component upload" in unknown_type.value.message
    for size, limit in ((2_200_000, "payload-bytes"), (6_000_000, "request-bytes")):
        with pytest.raises(RPCError) as too_large:
            await client.start_workflow("Failer", "x" * size, id=new_id(), task_queue="kit")
        assert too_large.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert limit in too_large.value.message
    with pytest.raises(RPCError) as unknown:
        await client.get_workflow_handle(new_id()).signal("add")
    assert unknown.value.status == RPCStatusCode.NOT_FOUND
