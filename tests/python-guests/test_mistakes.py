"""What a workflow must not do blocks the run, with a sentence, a file and a line."""

import asyncio

import pytest
from helpers import start
from server import BINARY


async def blocked(client, handle) -> str:
    """The message of the run's failed task."""
    for _ in range(600):
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_task_failed_event_attributes"):
                return event.workflow_task_failed_event_attributes.failure.message
        await asyncio.sleep(0.05)
    raise AssertionError("the run is not blocked")


@pytest.mark.parametrize(
    "mistake, sentence",
    [
        ("sleep", "use `await asyncio.sleep(...)`"),
        ("file", "the workflow called open: workflows can't touch files"),
        ("folder", "the workflow called os.listdir: workflows can't touch files"),
        ("network", "workflows can't use the network"),
        ("connect", "the workflow called socket.create_connection"),
        ("thread", "workflows run on one thread"),
        ("program", "workflows can't run programs"),
        ("late_import", "module 'wave' is not in this component"),
        ("database", "sqlite3.connect belongs to clients, workers and activities"),
        ("wait", "use asyncio.Event"),
        ("bug", "KeyError: 'missing'"),
        ("deep", "RecursionError: maximum recursion depth exceeded"),
        ("memory", "limit run-memory-bytes"),
        ("loop", "limit event-cpu"),
    ],
)
async def test_a_mistake_blocks_the_run(client, mistake, sentence):
    handle = await start(client, "MistakeWorkflow", mistake)
    message = await asyncio.wait_for(blocked(client, handle), 60)
    assert sentence in message
    if mistake not in ("memory", "loop"):
        assert "samples/mistakes.py:" in message, message
    await handle.terminate()
