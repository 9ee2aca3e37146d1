"""Lists and counts: the filter through the official SDK, the official command line and
ours."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from server import BINARY, Server
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode


class Runs:
    """Four runs whose IDs begin alike: one open, one completed, one failed, one
    terminated; started in this order."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.open = f"{prefix}-open"
        self.completed = f"{prefix}-completed"
        self.failed = f"{prefix}-failed"
        self.terminated = f"{prefix}-terminated"
        self.mine = f"WorkflowId STARTS_WITH '{prefix}-'"

    def short(self, ids) -> list[str]:
        return [id.removeprefix(f"{self.prefix}-") for id in ids]


@pytest_asyncio.fixture
async def runs(client):
    runs = Runs(f"list-{uuid.uuid4()}")
    await client.start_workflow("Collector", 1, id=runs.open, task_queue="kit")
    await client.execute_workflow("Sleeper", 1, id=runs.completed, task_queue="kit")
    with pytest.raises(WorkflowFailureError):
        await client.execute_workflow("Failer", "no", id=runs.failed, task_queue="kit")
    terminated = await client.start_workflow(
        "Sleeper", 600_000, id=runs.terminated, task_queue="kit"
    )
    await terminated.terminate()
    return runs


async def listed(client, runs, query: str, page_size: int = 1000) -> list[str]:
    found = [run.id async for run in client.list_workflows(query, page_size=page_size)]
    return runs.short(found)


def iso(time: datetime) -> str:
    return time.astimezone(timezone(timedelta(hours=2))).isoformat()


async def test_vis_01_every_comparison(client, runs):
    described = await client.get_workflow_handle(runs.completed).describe()
    start, close = iso(described.start_time), iso(described.close_time)
    everything = ["terminated", "failed", "completed", "open"]
    for query, expected in [
        ("", everything),
        ("ExecutionStatus = 'Running'", ["open"]),
        ("ExecutionStatus != 'Running'", everything[:3]),
        ("ExecutionStatus IN ('Failed', 4, \"Terminated\")", ["terminated", "failed"]),
        ("NOT ExecutionStatus IN ('Failed', 'Terminated')", ["completed", "open"]),
        ("WorkflowType = 'Sleeper'", ["terminated", "completed"]),
        ("WorkflowType = 'Sleeper' AND ExecutionStatus = 'Completed'", ["completed"]),
        ("(WorkflowType = 'Sleeper' OR WorkflowType = 'Failer')", everything[:3]),
        ("WorkflowType NOT IN ('Sleeper', 'Failer')", ["open"]),
        ("WorkflowType > 'Failer'", ["terminated", "completed"]),
        ("`TaskQueue` = 'kit'", everything),
        ("taskqueue_is_not_it", None),
        (f"WorkflowId = '{runs.failed}'", ["failed"]),
        (f"RunId = '{described.run_id}'", ["completed"]),
        (f"StartTime = '{start}'", ["completed"]),
        (f"StartTime > '{start}'", ["terminated", "failed"]),
        (f"StartTime BETWEEN '{start}' AND NOW()", everything[:3]),
        (f"StartTime < '{start}' AND ExecutionTime < '{start}'", ["open"]),
        ("StartTime > NOW() - 1h", everything),
        ("StartTime < NOW() - 1h", []),
        (f"CloseTime <= '{close}'", ["completed"]),
        ("CloseTime IS NULL", ["open"]),
        ("CloseTime IS NOT NULL", everything[:3]),
        ("ExecutionDuration >= 0 AND ExecutionDuration < '10m'", everything[:3]),
        ("HistoryLength > 2", everything[:3]),
        ("HistorySizeBytes > 1", everything[:3]),
        ("HistoryLength IS NULL", ["open"]),
        (f"RootWorkflowId = '{runs.open}'", ["open"]),
        ("ParentWorkflowId IS NULL", everything),
        ("ParentWorkflowId IS NOT NULL OR ParentRunId = 'x'", []),
    ]:
        query = f"{runs.mine} AND {query}" if query else runs.mine
        if expected is None:
            with pytest.raises(RPCError, match="is no attribute"):
                await listed(client, runs, query)
            continue
        assert await listed(client, runs, query) == expected, query
        assert (await client.count_workflows(query)).count == len(expected), query


async def test_vis_01_order_and_pages(client, runs):
    for order, expected in [
        ("StartTime", ["open", "completed", "failed", "terminated"]),
        ("StartTime DESC", ["terminated", "failed", "completed", "open"]),
        ("CloseTime ASC", ["completed", "failed", "terminated", "open"]),
        ("CloseTime DESC", ["terminated", "failed", "completed", "open"]),
        ("WorkflowId", ["completed", "failed", "open", "terminated"]),
    ]:
        query = f"{runs.mine} AND StartTime < NOW() ORDER BY {order}"
        for page_size in (1, 3, 1000):
            assert await listed(client, runs, query, page_size) == expected, query


async def test_vis_01_a_page_token_belongs_to_its_query(client, runs):
    pages = client.list_workflows(runs.mine, page_size=1)
    await pages.fetch_next_page()
    other = client.list_workflows(
        "WorkflowId = 'x'", page_size=1, next_page_token=pages.next_page_token
    )
    with pytest.raises(RPCError, match="another query") as refused:
        await other.fetch_next_page()
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_vis_01_what_is_wrong_is_said_with_its_place(client):
    for query, part in [
        ("workflowId = 'a'", "character 1: workflowId is no attribute; did you mean WorkflowId?"),
        ("CustomKeyword = 'a'", "character 1: CustomKeyword is no attribute of this namespace"),
        ("TemporalChangeVersion = 'a'", "TemporalChangeVersion is not served"),
        ("WorkflowId = 'a' OR", "character 20"),
        ("ExecutionStatus > 'Running'", "character 17"),
        ("StartTime > 'noon'", "character 13"),
        ("(" * 60, "filter-depth"),
    ]:
        for call in (client.count_workflows(query), listed(client, Runs("x"), query)):
            with pytest.raises(RPCError) as refused:
                await call
            assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
            assert part in refused.value.message


async def test_vis_02_groups(client, runs):
    query = f"{runs.mine} GROUP BY ExecutionStatus"
    counted = await client.count_workflows(query)
    groups = {group.group_values[0]: group.count for group in counted.groups}
    assert groups == {"Running": 1, "Completed": 1, "Failed": 1, "Terminated": 1}
    assert counted.count == 4


async def test_the_command_lines_agree(client, runs, server):
    query = f"{runs.mine} AND ExecutionStatus != 'Running' ORDER BY StartTime"
    expected = ["completed", "failed", "terminated"]
    loop = asyncio.get_running_loop()
    for program in (server.temporal, lambda *words: server.run(BINARY, *words)):
        run = lambda *words: loop.run_in_executor(None, lambda: program(*words).stdout)
        as_json = json.loads(
            await run("workflow", "list", "--query", query, "--output", "json")
        )
        ids = [info["execution"]["workflowId"] for info in as_json]
        assert runs.short(ids) == expected
        table = (await run("workflow", "list", "-q", query, "--limit", "2")).splitlines()
        assert "Status" in table[0] and "WorkflowId" in table[0] and "StartTime" in table[0]
        assert len([line for line in table if runs.prefix in line]) == 2
        counted = await run("workflow", "count", "--query", query.split(" ORDER")[0])
        assert counted.splitlines()[0] == "Total: 3"
        grouped = f"{runs.mine} GROUP BY ExecutionStatus"
        counted = await run("workflow", "count", "--query", grouped)
        assert "Group total: 1" in counted and "Terminated" in counted


def test_a_walk_that_is_too_long_is_refused_with_a_way_out():
    server = Server("--list-rows-examined", "3")
    ours = lambda *words, **more: server.run(BINARY, "workflow", *words, **more)
    try:
        for number in range(5):
            ours(
                "start", "--type", "Collector", "--task-queue", "kit",
                "--workflow-id", f"run-{number}", "--input", "1",
            )
        elsewhere = "TaskQueue = 'elsewhere'"
        for words in (("count",), ("list", "--limit", "2")):
            refused = ours(*words, "--query", elsewhere, check=False)
            assert refused.returncode != 0
            assert "more than 3 runs (limit list-rows-examined)" in refused.stderr
            assert "WorkflowType" in refused.stderr
        narrower = f"{elsewhere} AND WorkflowId IN ('run-1', 'run-2')"
        assert "Total: 0" in ours("count", "--query", narrower).stdout
        assert "Total: 5" in ours("count").stdout
        assert "Total: 0" in ours("count", "--query", "ExecutionStatus != 'Running'").stdout
        assert "run-4" in ours("list", "--limit", "1").stdout
    finally:
        server.stop()
