"""The same run, whatever happens to its code in between."""

import asyncio
import hashlib
import shutil

from conftest import PROJECT, GuestServer, build
from helpers import eventually, kinds, run, start
from samples.activities import ALL
from temporalio.client import Client
from temporalio.worker import Worker


async def poke(handle) -> None:
    """Messages of all kinds, while the run is at work."""
    for i in range(5):
        await handle.signal("poke")
        assert await handle.query("peek") > 0
        await handle.execute_update("nudge", i)
        try:
            await handle.execute_update("nudge", -1)
        except Exception as rejected:
            assert "only forward" in str(rejected.__cause__)
    await handle.signal("stop")


async def test_everything_that_could_differ_is_equal_in_replay(client):
    handle = await start(client, "TortureWorkflow", 4)
    await poke(handle)
    seen = await asyncio.wait_for(handle.result(), 120)
    assert len(set(seen)) == len(seen) >= 4
    assert "WORKFLOW_TASK_FAILED" not in await kinds(handle)


async def test_the_same_where_code_is_kept(kept):
    handle = await start(kept, "TortureWorkflow", 4)
    await poke(handle)
    assert len(set(await asyncio.wait_for(handle.result(), 120))) >= 4
    assert "WORKFLOW_TASK_FAILED" not in await kinds(handle)


async def test_two_runs_draw_differently(client):
    handles = [await start(client, "TortureWorkflow", 1) for _ in range(2)]
    for handle in handles:
        await handle.signal("stop")
    one, other = [await handle.result() for handle in handles]
    assert one[0] != other[0]


async def test_a_server_that_is_killed_goes_on_with_the_run(keeping):
    client = await Client.connect(keeping.address)
    handle = await start(client, "TortureWorkflow", 3)
    async with Worker(client, task_queue="samples", activities=ALL):
        await poke(handle)
    keeping.kill()
    keeping.start()
    client = await Client.connect(keeping.address)
    async with Worker(client, task_queue="samples", activities=ALL):
        handle = client.get_workflow_handle(handle.id)
        assert len(await asyncio.wait_for(handle.result(), 120)) >= 3
    assert "WORKFLOW_TASK_FAILED" not in await kinds(handle)


async def test_a_thousand_timers_at_once(client):
    assert await run(client, "ManyWorkflow", 1000) == sum(range(1000))
