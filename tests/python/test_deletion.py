"""Runs that are deleted: by hand, and by their namespace when it has kept them long
enough."""

import asyncio
import os
import uuid

import pytest
from server import BINARY, ROOT, TARGET, Server
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode


async def is_gone(client: Client, workflow_id: str, run_id: str | None = None) -> bool:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        await handle.describe()
    except RPCError as error:
        assert error.status == RPCStatusCode.NOT_FOUND
        query = f"RunId = '{run_id}'" if run_id else f"WorkflowId = '{workflow_id}'"
        assert (await client.count_workflows(query)).count == 0
        with pytest.raises(RPCError) as refused:
            await handle.fetch_history()
        assert refused.value.status == RPCStatusCode.NOT_FOUND
        return True
    return False


def deletion(workflow_id: str, run_id: str = "") -> DeleteWorkflowExecutionRequest:
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    return DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=execution)


async def test_lif_13_a_deleted_run_is_gone_and_its_id_is_free(client):
    service, workflow_id = client.workflow_service, f"delete-{uuid.uuid4()}"
    first = await client.start_workflow("Sleeper", 1, id=workflow_id, task_queue="kit")
    await first.result()
    second = await client.start_workflow("Collector", 1, id=workflow_id, task_queue="kit")
    await service.delete_workflow_execution(deletion(workflow_id, first.result_run_id))
    assert await is_gone(client, workflow_id, first.result_run_id)
    await second.signal("add", "still there")
    assert await second.result() == ["still there"]

    third = await client.start_workflow("Collector", 1, id=workflow_id, task_queue="kit")
    waiting = asyncio.create_task(third.result())
    await service.delete_workflow_execution(deletion(workflow_id))
    assert await is_gone(client, workflow_id, third.result_run_id)
    with pytest.raises(RPCError) as refused:
        await client.get_workflow_handle(workflow_id).describe()
    assert refused.value.status == RPCStatusCode.NOT_FOUND
    assert not await is_gone(client, workflow_id, second.result_run_id)
    with pytest.raises(Exception):
        await waiting
    with pytest.raises(RPCError) as refused:
        await service.delete_workflow_execution(deletion(workflow_id))
    assert refused.value.status == RPCStatusCode.NOT_FOUND
    again = await client.start_workflow("Sleeper", 1, id=workflow_id, task_queue="kit")
    assert await again.result() == "slept"


async def test_lif_13_many_are_deleted_while_they_are_at_work(client, worker):
    service, prefix = client.workflow_service, f"delete-{uuid.uuid4()}"
    ids = [f"{prefix}-{number}" for number in range(40)]
    call = {"input": {"do": "echo", "value": 1}}
    for id in ids:
        await client.start_workflow("OneActivity", call, id=id, task_queue="kit")
    await asyncio.gather(*(service.delete_workflow_execution(deletion(id)) for id in ids))
    mine = f"WorkflowId STARTS_WITH '{prefix}'"
    assert (await client.count_workflows(mine)).count == 0
    result = await client.execute_workflow("OneActivity", call, id=ids[0], task_queue="kit")
    assert result == 1


async def test_lif_22_closed_runs_are_deleted_after_the_retention_of_their_namespace():
    run = asyncio.get_running_loop().run_in_executor
    server = await run(None, Server, "--shortest-retention", "1s")
    try:
        def prepare() -> None:
            server.run(BINARY, "namespace", "create", "brief", "--retention", "2s")
            kit = ROOT / "tests" / "workflows"
            server.run(
                BINARY, "component", "upload", kit, "--name", "kit", "-n", "brief",
                env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)},
            )
            refused = server.run(
                BINARY, "namespace", "create", "briefer", "--retention", "500ms", check=False
            )
            assert "limit shortest-retention" in refused.stderr

        await run(None, prepare)
        brief = await Client.connect(server.address, namespace="brief")
        kept = await Client.connect(server.address)
        for client in (brief, kept):
            for id in ("closed-1", "closed-2"):
                await client.execute_workflow("Sleeper", 1, id=id, task_queue="kit")
            await client.start_workflow("Collector", 1, id="open", task_queue="kit")
        async with asyncio.timeout(60):
            while not (await is_gone(brief, "closed-1") and await is_gone(brief, "closed-2")):
                await asyncio.sleep(0.2)
        assert not await is_gone(brief, "open")
        for id in ("closed-1", "closed-2", "open"):
            assert not await is_gone(kept, id)
        assert (await brief.count_workflows("")).count == 1
        assert (await kept.count_workflows("")).count == 3
    finally:
        server.stop()


def test_the_command_lines_delete(server):
    for program in (server.temporal, lambda *words, **more: server.run(BINARY, *words, **more)):
        workflow_id = f"delete-{uuid.uuid4()}"
        program(
            "workflow", "start", "--type", "Collector", "--task-queue", "kit",
            "--workflow-id", workflow_id, "--input", "1",
        )
        program("workflow", "delete", "--workflow-id", workflow_id, "--yes")
        again = program("workflow", "describe", "--workflow-id", workflow_id, check=False)
        assert again.returncode != 0 and "not found" in again.stderr
