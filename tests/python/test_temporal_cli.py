"""The official `temporal` command line against our server."""

import json
import uuid

from server import BINARY


def new_id() -> str:
    return f"cli-{uuid.uuid4()}"


def start(server, workflow_type: str, workflow_input: str, *more) -> str:
    workflow_id = new_id()
    server.temporal(
        "workflow", "start", "--type", workflow_type, "--task-queue", "kit",
        "--workflow-id", workflow_id, "--input", workflow_input, *more,
    )
    return workflow_id


def test_start_signal_query_result(server):
    workflow_id = start(server, "Collector", "1")
    target = ("--workflow-id", workflow_id)
    server.temporal("workflow", "signal", *target, "--name", "add", "--input", '"x"')
    answered = server.temporal("workflow", "query", *target, "--name", "items")
    assert '"x"' in answered.stdout
    result = server.temporal("workflow", "result", *target, "--output", "json")
    assert json.loads(result.stdout)["result"] == ["x"]


def test_execute_and_show(server):
    workflow_id = new_id()
    executed = server.temporal(
        "workflow", "execute", "--type", "Sleeper", "--task-queue", "kit",
        "--workflow-id", workflow_id, "--input", "50",
    )
    assert "COMPLETED" in executed.stdout
    shown = server.temporal("workflow", "show", "--workflow-id", workflow_id)
    assert "TimerFired" in shown.stdout
    followed = server.temporal("workflow", "show", "--follow", "--workflow-id", workflow_id)
    assert "WorkflowExecutionCompleted" in followed.stdout


def test_describe_list_count(server):
    workflow_id = start(server, "Collector", "1")
    target = ("--workflow-id", workflow_id)
    described = server.temporal("workflow", "describe", *target, "--output", "json")
    info = json.loads(described.stdout)["workflowExecutionInfo"]
    assert info["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
    query = ("--query", f"WorkflowId = '{workflow_id}'")
    assert workflow_id in server.temporal("workflow", "list", *query).stdout
    assert "1" in server.temporal("workflow", "count", *query).stdout


def test_cancel_and_terminate(server):
    cancelled = start(server, "Collector", "1")
    server.temporal("workflow", "cancel", "--workflow-id", cancelled)
    result = server.temporal("workflow", "result", "--workflow-id", cancelled, check=False)
    assert result.returncode != 0
    assert "CANCELED" in result.stdout.upper()
    terminated = start(server, "Collector", "1")
    server.temporal("workflow", "terminate", "--workflow-id", terminated, "--reason", "enough")
    result = server.temporal("workflow", "result", "--workflow-id", terminated, check=False)
    assert "workflow failed" in result.stderr
    described = server.temporal(
        "workflow", "describe", "--workflow-id", terminated, "--output", "json"
    )
    assert "WORKFLOW_EXECUTION_STATUS_TERMINATED" in described.stdout


def test_an_activity_is_completed_and_failed_by_id(server):
    call = json.dumps({"input": {"do": "echo"}, "task_queue": "nobody", "activity_id": "a"})
    workflow_id = start(server, "OneActivity", call)
    target = ("--workflow-id", workflow_id, "--activity-id", "a")
    server.temporal("activity", "complete", *target, "--result", '"by hand"')
    result = server.temporal(
        "workflow", "result", "--workflow-id", workflow_id, "--output", "json"
    )
    assert json.loads(result.stdout)["result"] == "by hand"
    refused = server.temporal("activity", "fail", *target, check=False)
    assert refused.returncode != 0


def test_queues_namespaces_and_health(server):
    server.temporal("task-queue", "describe", "--task-queue", "kit")
    name = f"ns-{uuid.uuid4()}"
    server.temporal("operator", "namespace", "create", "--namespace", name)
    assert name in server.temporal("operator", "namespace", "list").stdout
    assert name in server.temporal("operator", "namespace", "describe", "--namespace", name).stdout
    assert "SERVING" in server.temporal("operator", "cluster", "health").stdout
    server.temporal("operator", "cluster", "describe")


def test_wf_13_a_chain_is_followed_and_shown(server):
    workflow_id = start(server, "Chain", '{"left": 3}')
    target = ("--workflow-id", workflow_id)
    result = server.temporal("workflow", "result", *target, "--output", "json")
    assert json.loads(result.stdout)["result"]["done"] == 3
    query = ("--query", f"WorkflowId = '{workflow_id}' AND ExecutionStatus = 'ContinuedAsNew'")
    listed = server.temporal("workflow", "list", *query, "--output", "json")
    runs = json.loads(listed.stdout)
    assert len(runs) == 3
    assert "3" in server.temporal("workflow", "count", *query).stdout
    first = min(runs, key=lambda run: run["startTime"])["execution"]["runId"]
    described = server.temporal(
        "workflow", "describe", *target, "--run-id", first, "--output", "json"
    )
    info = json.loads(described.stdout)["workflowExecutionInfo"]
    assert info["status"] == "WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW"
    shown = server.temporal("workflow", "show", *target, "--run-id", first)
    assert "WorkflowExecutionContinuedAsNew" in shown.stdout


def test_tim_02_a_start_delay(server):
    workflow_id = start(server, "Collector", "1", "--start-delay", "1h")
    target = ("--workflow-id", workflow_id)
    shown = server.temporal("workflow", "show", *target)
    assert "WorkflowTaskScheduled" not in shown.stdout
    server.temporal("workflow", "signal", *target, "--name", "add", "--input", '"x"')
    result = server.temporal("workflow", "result", *target, "--output", "json")
    assert json.loads(result.stdout)["result"] == ["x"]


def test_our_own_command_line_starts_chains(server):
    words = ("workflow", "execute", "--task-queue", "kit", "--output", "json")
    executed = server.run(
        BINARY, *words, "--type", "Flaky", "--input", '{"until": 3}',
        "--retry-initial-interval", "10ms", "--retry-maximum-attempts", "5",
    )
    assert json.loads(executed.stdout)["result"]["attempt"] == 3
    told = server.run(
        BINARY, "workflow", "execute", "--task-queue", "kit", "--type", "Chain",
        "--input", '{"left": 1}',
    )
    assert "Goes on as run" in told.stdout
    cron_id = new_id()
    server.run(
        BINARY, "workflow", "start", "--task-queue", "kit", "--type", "Ticker",
        "--workflow-id", cron_id, "--cron", "CRON_TZ=Asia/Tokyo 0 9 * * *",
    )
    described = server.temporal(
        "workflow", "describe", "--workflow-id", cron_id, "--output", "json"
    )
    info = json.loads(described.stdout)["workflowExecutionInfo"]
    assert info["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
    assert info["executionTime"] > info["startTime"]
    ours = server.run(BINARY, "workflow", "describe", "--workflow-id", cron_id)
    assert "ExecutionTime" in ours.stdout
    server.run(BINARY, "workflow", "terminate", "--workflow-id", cron_id)
    refused = server.run(
        BINARY, "workflow", "start", "--task-queue", "kit", "--type", "Ticker",
        "--cron", "soon", check=False,
    )
    assert refused.returncode != 0
    assert "1 fields" in refused.stderr
