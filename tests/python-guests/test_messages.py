"""Signals, queries and updates, with and without validators, early and late."""

import asyncio

import pytest
from helpers import eventually, kinds, new_id, run, start
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy


async def test_signals_are_heard_in_order(client):
    handle = await start(client, "SignalWorkflow", start_signal="submit_greeting",
                         start_signal_args=["user0"])
    for i in range(1, 4):
        await handle.signal("submit_greeting", f"user{i}")
    await handle.signal("exit")
    assert await handle.result() == [f"Hello, user{i}" for i in range(4)]


async def test_queries_and_updates_of_the_introduction(client):
    handle = await start(client, "MessagesWorkflow")
    assert await handle.query("get_languages", {"include_unsupported": False}) == [1, 2]
    assert await handle.query("get_languages", {"include_unsupported": True}) == [1, 2, 3]
    assert await handle.execute_update("set_language", 1) == 2
    assert await handle.query("get_language") == 1
    before = await kinds(handle)
    with pytest.raises(WorkflowUpdateFailedError) as rejected:
        await handle.execute_update("set_language", 3)
    assert rejected.value.cause.message == "FRENCH is not supported"
    assert await kinds(handle) == before
    assert await handle.execute_update("set_language_using_activity", 3) == 1
    await handle.signal("approve", {"name": "somebody"})
    assert await handle.result() == "Hello, FRENCH!"
    # A closed run answers from the state that it left behind.
    assert await handle.query("get_language") == 3


async def test_a_query_that_fails_says_why_and_leaves_the_run_alone(client):
    handle = await start(client, "MessagesWorkflow")
    with pytest.raises(WorkflowQueryFailedError) as unknown:
        await handle.query("get_weather")
    assert "get_weather" in str(unknown.value) and "get_language" in str(unknown.value)
    assert await handle.query("get_language") == 2


async def test_handlers_take_turns_at_a_lock(client):
    handle = await start(client, "ClusterManagerWorkflow", 10)
    asked = [
        asyncio.create_task(handle.execute_update("assign_nodes_to_job", args=[f"job{i}", 3]))
        for i in range(4)
    ]
    await handle.signal("start_cluster")
    results = await asyncio.gather(*asked, return_exceptions=True)
    given = [result for result in results if isinstance(result, list)]
    refused = [result for result in results if not isinstance(result, list)]
    assert len(given) == 3 and len({node for nodes in given for node in nodes}) == 9
    assert isinstance(refused[0], WorkflowUpdateFailedError)
    assert "have only 1" in refused[0].cause.message
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("assign_nodes_to_job", args=["job", 0])
    assert len(await handle.query("get_jobs")) == 3
    await handle.signal("shutdown_cluster")
    assert await handle.result() == 9


async def test_dynamic_handlers(client):
    handle = await start(client, "DynamicHandlersWorkflow")
    await handle.signal("anything", args=[1, "two"])
    await handle.signal("late")
    assert await handle.query("late_query") == "late answer"
    assert await handle.query("how_many") == "how_many: 2"
    assert await handle.execute_update("whatever") == "updated by whatever"
    await handle.signal("stop")
    assert await handle.result() == ["anything[1, 'two']", "late", "whatever"]


async def test_update_with_start_answers_before_the_end(client):
    identity = new_id("early")
    operation = WithStartWorkflowOperation(
        "EarlyReturnWorkflow", 7, id=identity, task_queue="samples",
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    answer = await client.execute_update_with_start_workflow(
        "confirmation", start_workflow_operation=operation
    )
    assert answer == "confirmed"
    handle = await operation.workflow_handle()
    assert await handle.result() == "7 transferred"


async def test_an_accepted_update_can_be_waited_for_later(client):
    handle = await start(client, "ClusterManagerWorkflow", 2)
    accepted = await handle.start_update(
        "assign_nodes_to_job", args=["job", 1], wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    await handle.signal("start_cluster")
    assert await accepted.result() == ["0"]
    await handle.signal("shutdown_cluster")
    assert await handle.result() == 1


async def test_the_built_in_queries(client):
    handle = await start(client, "StackWorkflow")
    stack = await handle.query("__stack_trace")
    assert "samples/properties.py" in stack and "in deep" in stack
    enhanced = await handle.query("__enhanced_stack_trace")
    assert "samples/properties.py" in str(enhanced)
    metadata = await handle.query("__temporal_workflow_metadata")
    assert metadata.definition.type == "StackWorkflow"
    await handle.terminate()


async def test_messages_before_the_first_task(kept):
    """The same on a server that keeps code in memory."""
    handle = await start(kept, "SignalWorkflow", start_signal="submit_greeting",
                         start_signal_args=["first"])
    await handle.signal("exit")
    assert await handle.result() == ["Hello, first"]
