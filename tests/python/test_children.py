"""Children and messages between workflows, seen by the official SDK's client."""

import asyncio
import json
import uuid

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError, ChildWorkflowError


def new_id(what: str = "workflow") -> str:
    return f"{what}-{uuid.uuid4()}"


def family(then: str, *children: dict) -> dict:
    return {"children": list(children), "then": then}


async def start(client, workflow: str, argument, **options):
    options.setdefault("id", new_id())
    return await client.start_workflow(workflow, argument, task_queue="kit", **options)


async def status(client, workflow_id: str) -> WorkflowExecutionStatus:
    return (await client.get_workflow_handle(workflow_id).describe()).status


async def becomes(client, workflow_id: str, wanted: WorkflowExecutionStatus) -> None:
    for _ in range(600):
        try:
            if await status(client, workflow_id) == wanted:
                return
        except Exception as missing:  # Not started yet.
            assert "not found" in str(missing)
        await asyncio.sleep(0.05)
    raise AssertionError(f"{workflow_id} is {await status(client, workflow_id)}")


async def test_wf_10_results_and_failures_of_children(client):
    child = {"workflow": "Collector", "input": 0}
    failing = {"workflow": "Failer", "input": "no luck"}
    handle = await start(client, "Parent", family("wait", child, failing))
    good, bad = await handle.result()
    assert good == {"ok": []}
    assert bad["error"] == "failed" and bad["cause"] == "no luck"
    names = [event.event_type for event in (await handle.fetch_history()).events]
    assert names.count(EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED) == 2
    assert names.count(EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED) == 2
    assert names.count(EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED) == 1


async def test_wf_21_a_failure_tree_names_the_child(client):
    child = {"workflow": "Failer", "input": "no luck", "id": new_id("child")}
    handle = await start(client, "FailWithChild", child)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    error = failed.value.cause
    assert isinstance(error, ChildWorkflowError)
    assert error.workflow_type == "Failer"
    assert error.workflow_id == child["id"]
    assert isinstance(error.cause, ApplicationError)
    assert error.cause.type == "Declined"


async def test_wf_11_a_cancelled_parent_passes_the_cancel_on(client):
    child = {"workflow": "Parent", "id": new_id("child"), "input": family("hang")}
    handle = await start(client, "Parent", family("cancel", child))
    (told,) = await handle.result()
    assert told["error"] == "cancelled"
    assert await status(client, child["id"]) == WorkflowExecutionStatus.CANCELED


async def test_wf_12_a_terminated_parent_takes_its_children_along(client):
    ids = {policy: new_id(policy) for policy in ("terminate", "abandon", "request-cancel")}
    children = [
        {"workflow": "Parent", "id": ids[policy], "policy": policy, "input": family("hang")}
        for policy in ids
    ]
    handle = await start(client, "Parent", family("hang", *children))
    for workflow_id in ids.values():
        await becomes(client, workflow_id, WorkflowExecutionStatus.RUNNING)
    await handle.terminate()
    await becomes(client, ids["terminate"], WorkflowExecutionStatus.TERMINATED)
    await becomes(client, ids["request-cancel"], WorkflowExecutionStatus.CANCELED)
    assert await status(client, ids["abandon"]) == WorkflowExecutionStatus.RUNNING
    await client.get_workflow_handle(ids["abandon"]).terminate()


async def test_vis_03_children_are_found_by_their_parent(client):
    children = [{"workflow": "Collector", "input": 1} for _ in range(3)]
    handle = await start(client, "Parent", family("hang", *children))
    query = f"ParentWorkflowId = '{handle.id}'"
    for _ in range(600):
        found = [run async for run in client.list_workflows(query)]
        if len(found) == 3:
            break
        await asyncio.sleep(0.05)
    assert {run.parent_id for run in found} == {handle.id}
    assert {run.root_id for run in found} == {handle.id}
    described = await client.get_workflow_handle(found[0].id).describe()
    assert described.parent_run_id == handle.result_run_id
    pending = (await handle.describe()).raw_description.pending_children
    assert {child.workflow_id for child in pending} == {run.id for run in found}
    await handle.terminate()


async def test_wf_16_workflows_signal_and_cancel_each_other(client):
    collector = await start(client, "Collector", 1)
    message = {"to": collector.id, "signal": "add", "input": "hello"}
    sender = await start(client, "Messenger", message)
    assert await collector.result() == ["hello"]
    assert await sender.result() == {"delivered": []}
    again = await start(client, "Messenger", message)
    assert (await again.result())["refused"] == "ExternalWorkflowExecutionNotFound"
    hanging = await start(client, "Parent", family("hang"))
    await (await start(client, "Messenger", {"to": hanging.id, "input": None})).result()
    await becomes(client, hanging.id, WorkflowExecutionStatus.CANCELED)


async def test_wf_10_a_child_has_timeouts_of_its_own(client):
    child = {"workflow": "Sleeper", "input": 60_000, "run_timeout_ms": 200, "id": new_id("child")}
    handle = await start(client, "Parent", family("wait", child))
    (told,) = await handle.result()
    assert told["error"] == "timed out"
    assert await status(client, child["id"]) == WorkflowExecutionStatus.TIMED_OUT


async def test_the_official_command_line_traces_a_tree(client, server):
    child = {"workflow": "Collector", "input": 0, "id": new_id("child")}
    handle = await start(client, "Parent", family("wait", child))
    await handle.result()
    drawn = await asyncio.to_thread(
        server.temporal, "workflow", "trace", "--workflow-id", handle.id, "--no-fold"
    )
    assert child["id"] in drawn.stdout
    ours = await asyncio.to_thread(
        server.run, server.binary, "workflow", "trace", "--workflow-id", handle.id
    )
    assert f"└─ {child['id']} (Collector) Completed" in ours.stdout

    async def written(*flags: str) -> dict:
        words = ("workflow", "trace", "--workflow-id", handle.id, "--output", "json", *flags)
        return json.loads((await asyncio.to_thread(server.run, server.binary, *words)).stdout)

    tree = await written("--no-fold")
    assert tree["workflowId"] == handle.id and tree["runId"] == handle.first_execution_run_id
    assert tree["workflowType"] == "Parent" and tree["status"] == "Completed"
    assert tree["startTime"] < tree["closeTime"]
    (leaf,) = tree["children"]
    assert leaf["workflowId"] == child["id"] and leaf["children"] == []
    assert leaf["workflowType"] == "Collector" and leaf["status"] == "Completed"
    (folded,) = (await written())["children"]
    assert folded["folded"] and "children" not in folded
    failing = {"workflow": "Failer", "input": "no luck", "id": new_id("child")}
    handle = await start(client, "Parent", family("wait", failing))
    await handle.result()
    (failed,) = (await written())["children"]
    assert failed["status"] == "Failed" and "no luck" in failed["reason"]


async def test_vis_04_a_child_has_search_attributes_that_its_namespace_knows(client, server):
    await asyncio.to_thread(
        server.temporal, "operator", "search-attribute", "create",
        "--name", "ChildColor", "--type", "Keyword",
    )
    child = {"workflow": "Collector", "input": 0, "id": new_id("child")}
    red = {**child, "attributes": {"ChildColor": "red"}, "memo": {"Origin": "a parent"}}
    parent = await start(client, "Parent", family("wait", red))
    await parent.result()
    (found,) = [run async for run in client.list_workflows("ChildColor = 'red'")]
    assert found.id == child["id"] and found.parent_id == parent.id
    color = SearchAttributeKey.for_keyword("ChildColor")
    assert found.typed_search_attributes.get(color) == "red"
    assert await found.memo() == {"Origin": "a parent"}
    described = await client.get_workflow_handle(found.id).describe()
    assert described.typed_search_attributes.get(color) == "red"
    assert await described.memo() == {"Origin": "a parent"}
    tree = f"RootWorkflowId = '{parent.id}'"
    ids = [run.id async for run in client.list_workflows(tree)]
    assert ids == [child["id"], parent.id]
    # The parent has neither.
    assert (await client.count_workflows(f"{tree} AND ChildColor IS NULL")).count == 1

    unknown = {**child, "id": new_id("child"), "attributes": {"Nobody": "knows"}}
    handle = await start(client, "Parent", family("wait", unknown))
    for _ in range(600):
        events = (await handle.fetch_history()).events
        failed = [e for e in events if e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED]
        if failed:
            break
        await asyncio.sleep(0.05)
    message = failed[0].workflow_task_failed_event_attributes.failure.message
    assert "Nobody" in message
    assert await status(client, handle.id) == WorkflowExecutionStatus.RUNNING
    await handle.terminate()
