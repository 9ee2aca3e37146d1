"""What the tests share."""

import asyncio
import uuid

from temporalio.api.enums.v1 import EventType


def new_id(name: str) -> str:
    return f"{name}-{uuid.uuid4()}"


async def start(client, workflow, *args, **options):
    """Starts a workflow by its class or its type."""
    name = workflow if isinstance(workflow, str) else workflow.__name__
    options.setdefault("id", new_id(name))
    return await client.start_workflow(name, args=args, task_queue="samples", **options)


async def run(client, workflow, *args, **options):
    """Starts a workflow and waits for its result."""
    handle = await start(client, workflow, *args, **options)
    return await asyncio.wait_for(handle.result(), 60)


async def kinds(handle) -> list[str]:
    """The types of the history's events."""
    history = await handle.fetch_history()
    return [EventType.Name(event.event_type)[len("EVENT_TYPE_") :] for event in history.events]


async def eventually(check):
    """Waits until `check` is true."""
    for _ in range(600):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{check} never came true")
