"""Limits and time-outs as the official SDK meets them."""

import asyncio
import json
import time
import uuid

import pytest
from server import BINARY, Server
from temporalio.client import Client, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.exceptions import ActivityError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from worker import do

LARGE = "x" * (3 * 1024 * 1024)
"""Over the limit of one payload (2 MiB), under that of a request (4 MiB)."""

HUGE = "x" * (5 * 1024 * 1024)
"""Over the limit of a request."""


def new_id(name: str) -> str:
    return f"{name}-{uuid.uuid4()}"


@pytest.mark.parametrize("value", [LARGE, HUGE], ids=["payload", "request"])
async def test_a_signal_that_is_too_large_is_refused_at_once(client, value):
    handle = await client.start_workflow("Collector", 1, id=new_id("large"), task_queue="kit")
    began = time.monotonic()
    with pytest.raises(RPCError) as refused:
        await handle.signal("add", value)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT, refused.value
    assert "limit" in str(refused.value)
    assert time.monotonic() - began < 20, "the SDK does not try again and again"
    await handle.signal("add", "small")
    assert await handle.result() == ["small"]


async def test_a_query_and_a_start_that_are_too_large_are_refused_at_once(client):
    handle = await client.start_workflow("Collector", 1, id=new_id("large"), task_queue="kit")
    with pytest.raises(WorkflowQueryFailedError, match="limit payload-bytes"):
        await handle.query("items", LARGE)
    with pytest.raises(RPCError) as refused:
        await client.start_workflow("Collector", LARGE, id=new_id("large"), task_queue="kit")
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT, refused.value
    await handle.terminate()


async def test_a_result_that_is_too_large_fails_its_activity(client, worker):
    call = {
        "input": {"do": "echo a large value", "bytes": len(LARGE)},
        "start_to_close_ms": 5_000,
        "maximum_attempts": 1,
    }
    with pytest.raises(WorkflowFailureError) as failed:
        await client.execute_workflow("OneActivity", call, id=new_id("large"), task_queue="kit")
    cause = failed.value.cause
    assert isinstance(cause, ActivityError), cause
    print("the run says:", cause.cause)
    assert cause.cause is not None


@pytest.fixture(scope="module")
def impatient():
    """A server whose polls are short."""
    server = Server("--history-poll", "1s", "--task-poll", "1s")
    yield server
    server.stop()


async def test_polls_that_find_nothing_are_asked_again(impatient):
    """An empty answer is no answer: the result is waited for through several polls, and
    the worker goes on polling."""
    client = await Client.connect(impatient.address)
    async with Worker(client, task_queue="kit", activities=[do]):
        handle = await client.start_workflow(
            "Collector", 1, id=new_id("polls"), task_queue="kit"
        )
        waiting = asyncio.ensure_future(handle.result())
        await asyncio.sleep(3.5)
        assert not waiting.done(), "three empty answers are no result"
        await handle.signal("add", 1)
        assert await asyncio.wait_for(waiting, 20) == [1]
        call = {"input": {"do": "echo", "value": 7}}
        done = client.execute_workflow("OneActivity", call, id=new_id("polls"), task_queue="kit")
        assert await asyncio.wait_for(done, 20) == 7, "the worker polls still"


def test_a_list_of_many_pages_is_one_table_and_one_array(server):
    prefix = new_id("pages")
    ours = lambda *words: server.run(BINARY, "workflow", *words).stdout
    for number in range(5):
        ours(
            "start", "--type", "Collector", "--task-queue", "kit",
            "--workflow-id", f"{prefix}-{number}", "--input", "1",
        )
    query = ("--query", f"WorkflowId STARTS_WITH '{prefix}'")
    by = ("list", *query, "--page-size", "2")
    table = ours(*by).splitlines()
    assert table[0].startswith("Status") and len(table) == 6, table
    assert len([line for line in table if "WorkflowId" in line]) == 1
    runs = json.loads(ours(*by, "--output", "json"))
    assert len({run["execution"]["workflowId"] for run in runs}) == 5
    three = json.loads(ours(*by, "--limit", "3", "--output", "json"))
    assert three == runs[:3]
    nothing = ("list", "--query", f"WorkflowId = '{prefix}'")
    assert json.loads(ours(*nothing, "--output", "json")) == []
    assert len(ours(*nothing).splitlines()) == 1
