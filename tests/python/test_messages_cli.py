"""Updates, messages with a start, stack and metadata: the official `temporal`
command line and ours, side by side, against our server."""

import json
import uuid

import pytest


def new_id() -> str:
    return f"cli-{uuid.uuid4()}"


@pytest.fixture(params=["temporal", "mainspring"])
def cli(server, request):
    return getattr(server, request.param)


def start(cli, workflow_type: str = "Account", workflow_input: str = "5") -> str:
    workflow_id = new_id()
    cli(
        "workflow", "start", "--type", workflow_type, "--task-queue", "kit",
        "--workflow-id", workflow_id, "--input", workflow_input,
    )
    return workflow_id


def test_msg_11_update_execute_start_describe_and_result(cli):
    workflow_id = start(cli)
    target = ("--workflow-id", workflow_id)
    executed = cli(
        "workflow", "update", "execute", *target, "--name", "add", "--input", "37",
        "--update-id", "first", "--output", "json",
    )
    answer = json.loads(executed.stdout)
    assert (answer["result"], answer["updateId"]) in ((42, "first"), ([42], "first"))
    started = cli(
        "workflow", "update", "start", *target, "--name", "wait_for_signals", "--input", "1",
        "--update-id", "second", "--wait-for-stage", "accepted",
    )
    assert "second" in started.stdout
    described = cli("workflow", "update", "describe", *target, "--update-id", "second")
    assert "accepted" in described.stdout.lower()
    cli("workflow", "signal", *target, "--name", "poke")
    result = cli("workflow", "update", "result", *target, "--update-id", "second")
    assert "1" in result.stdout
    described = cli("workflow", "update", "describe", *target, "--update-id", "first")
    assert "completed" in described.stdout.lower()
    unknown = cli("workflow", "update", "result", *target, "--update-id", "third", check=False)
    assert unknown.returncode != 0
    assert "third" in unknown.stderr


def test_msg_12_a_rejected_update_says_why(cli):
    workflow_id = start(cli)
    rejected = cli(
        "workflow", "update", "execute", "--workflow-id", workflow_id, "--name", "add",
        "--input", "-6", check=False,
    )
    assert rejected.returncode != 0
    assert "the balance cannot be negative" in rejected.stdout + rejected.stderr
    shown = cli("workflow", "show", "--workflow-id", workflow_id)
    assert "Update" not in shown.stdout


def test_an_update_to_a_closed_run_is_refused(cli):
    workflow_id = start(cli)
    cli("workflow", "signal", "--workflow-id", workflow_id, "--name", "close")
    cli("workflow", "result", "--workflow-id", workflow_id)
    refused = cli(
        "workflow", "update", "execute", "--workflow-id", workflow_id, "--name", "add",
        "--input", "1", check=False,
    )
    assert refused.returncode != 0
    assert "already completed" in refused.stderr


def test_msg_05_signal_with_start(cli):
    workflow_id = new_id()
    words = (
        "workflow", "signal-with-start", "--type", "Collector", "--task-queue", "kit",
        "--workflow-id", workflow_id, "--input", "2", "--signal-name", "add",
    )
    cli(*words, "--signal-input", '"a"')
    cli(*words, "--signal-input", '"b"')
    result = cli("workflow", "result", "--workflow-id", workflow_id, "--output", "json")
    assert json.loads(result.stdout)["result"] == ["a", "b"]


def test_msg_18_update_with_start(cli):
    workflow_id = new_id()
    words = (
        "--type", "Account", "--task-queue", "kit", "--workflow-id", workflow_id,
        "--input", "5", "--id-conflict-policy", "UseExisting", "--update-name", "add",
    )
    execute = ("workflow", "execute-update-with-start", *words)
    first = cli(*execute, "--update-input", "1", "--update-id", "first")
    assert "1" in first.stdout
    second = cli(*execute, "--update-input", "4", "--output", "json")
    assert "10" in second.stdout
    started = cli(
        "workflow", "start-update-with-start", *words, "--update-input", "1",
        "--update-wait-for-stage", "accepted",
    )
    assert workflow_id in started.stdout
    query = cli("workflow", "query", "--workflow-id", workflow_id, "--name", "balance")
    assert "11" in query.stdout
    taken = cli(
        *execute, "--update-input", "1", "--id-conflict-policy", "Fail", check=False
    )
    assert taken.returncode != 0


def test_msg_10_and_wf_28_stack_and_metadata(cli):
    workflow_id = start(cli)
    target = ("--workflow-id", workflow_id)
    cli("workflow", "update", "execute", *target, "--name", "add", "--input", "1")
    stack = cli("workflow", "stack", *target)
    assert "condition" in stack.stdout and "messages.rs" in stack.stdout
    metadata = cli("workflow", "metadata", *target)
    assert "balance 6" in metadata.stdout
    written = cli("workflow", "metadata", *target, "--output", "json")
    assert "Adds to the balance" in written.stdout
    closed = cli(
        "workflow", "stack", *target, "--reject-condition", "not_open",
    )
    assert closed.stdout
    cli("workflow", "terminate", *target)
    rejected = cli(
        "workflow", "stack", *target, "--reject-condition", "not_open", check=False,
    )
    assert "condition" not in rejected.stdout
