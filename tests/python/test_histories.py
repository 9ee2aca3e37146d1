"""Our histories in the official SDK: read, written again, and replayed by workflows that
are written for it.

`cargo test --workspace --test histories` leaves the histories in the target folder.
"""

import json
import pathlib

import pytest
from google.protobuf import json_format
from server import TARGET
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

import replayed

FOLDER = TARGET / "histories"
FILES = sorted(FOLDER.glob("*.json"))


def load(file: pathlib.Path) -> WorkflowHistory:
    history = json.loads(file.read_text())
    started = history["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], history)


def replayer() -> Replayer:
    # Outside the sandbox: it isolates modules, which is no matter of histories.
    return Replayer(
        workflows=replayed.WORKFLOWS, workflow_runner=UnsandboxedWorkflowRunner()
    )


def test_the_histories_are_there():
    assert len(FILES) >= 30, (
        f"{FOLDER} has {len(FILES)} histories; "
        "`cargo test --workspace --test histories` leaves them there"
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_history_is_read_and_written_again_as_it_was(file):
    history = load(file)
    assert history.run_id
    again = json_format.Parse(history.to_json(), History())
    as_it_was = json_format.Parse(file.read_text(), History())
    # Nothing was lost on the way: not as JSON, not as bytes.
    assert again == as_it_was
    assert again.SerializeToString(deterministic=True) == as_it_was.SerializeToString(
        deterministic=True
    )
    numbers = [event.event_id for event in history.events]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", replayed.RUNS)
async def test_a_history_is_replayed_by_a_workflow_of_the_sdk(name):
    result = await replayer().replay_workflow(load(FOLDER / f"{name}.json"))
    assert result.replay_failure is None


async def test_what_does_other_things_is_found():
    """So that a replay that finds nothing says something."""
    history = load(FOLDER / "wf-01-order.json")
    other = Replayer(
        workflows=[replayed.OtherOrder], workflow_runner=UnsandboxedWorkflowRunner()
    )
    with pytest.raises(NondeterminismError):
        await other.replay_workflow(history)


async def test_temporals_command_line_prints_the_same(client, server, worker):
    handle = await client.start_workflow("Sleeper", 10, id="shown", task_queue="kit")
    await handle.result()
    shown = server.temporal("workflow", "show", "--workflow-id", "shown", "--output", "json")
    ours = server.mainspring("workflow", "show", "--workflow-id", "shown", "--output", "json")
    histories = [json_format.Parse(said.stdout, History()) for said in (shown, ours)]
    assert histories[0] == histories[1]
    assert WorkflowHistory.from_json("shown", shown.stdout).events == histories[0].events
