"""Updates, signal-with-start, update-with-start and built-in queries through the
official SDK's client."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from server import Server
from temporalio.api.enums.v1 import EventType, UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.update.v1 import UpdateRef, WaitPolicy
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionUpdateRequest,
)
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHistory,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    QueryRejectCondition,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from worker import do


SHORT = timedelta(seconds=5)


def new_id() -> str:
    return f"messages-{uuid.uuid4()}"


async def account(client, opening: int = 0, **options):
    options.setdefault("id", new_id())
    return await client.start_workflow("Account", opening, task_queue="kit", **options)


async def kinds(handle) -> list[str]:
    history = await handle.fetch_history()
    return [EventType.Name(event.event_type)[len("EVENT_TYPE_"):] for event in history.events]


async def eventually(check):
    """Waits until `check` is true."""
    for _ in range(600):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{check} never came true")


async def test_msg_11_an_update_answers_and_is_in_the_history(client):
    handle = await account(client, 10)
    assert await handle.execute_update("add", 5) == 15
    assert await handle.execute_update("add", -15) == 0
    await handle.signal("close")
    assert await handle.result() == 0
    assert await kinds(handle) == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        *(
            "WORKFLOW_TASK_SCHEDULED",
            "WORKFLOW_TASK_STARTED",
            "WORKFLOW_TASK_COMPLETED",
            "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
            "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
        )
        * 2,
        "WORKFLOW_EXECUTION_SIGNALED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ]


async def test_msg_11_callers_wait_for_acceptance_or_completion_and_poll_by_id(client, worker):
    handle = await account(client)
    accepted = await handle.start_update(
        "wait_for_signals", 2, id="waits", wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    found = handle.get_update_handle("waits")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(found.result())), 0.5)
    await handle.signal("poke")
    await handle.signal("poke")
    assert await accepted.result() == 2
    assert await found.result() == 2
    assert await handle.get_update_handle("waits").result() == 2
    with pytest.raises(RPCError) as unknown:
        await handle.get_update_handle("other").result()
    assert unknown.value.status == RPCStatusCode.NOT_FOUND


async def test_msg_11_a_poll_tells_the_stage(client):
    handle = await account(client)
    await handle.start_update(
        "wait_for_signals", 1, id="u", wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )

    async def poll(stage):
        return await client.workflow_service.poll_workflow_execution_update(
            PollWorkflowExecutionUpdateRequest(
                namespace="default",
                update_ref=UpdateRef(
                    workflow_execution=WorkflowExecution(workflow_id=handle.id), update_id="u"
                ),
                wait_policy=WaitPolicy(lifecycle_stage=stage),
            )
        )

    now = await poll(Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_UNSPECIFIED)
    assert now.stage == Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
    assert now.update_ref.workflow_execution.run_id == handle.result_run_id
    await handle.signal("poke")
    done = await poll(Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED)
    assert done.stage == Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
    assert done.outcome.success.payloads[0].data == b"1"


async def test_msg_12_a_rejected_update_leaves_no_trace(client):
    handle = await account(client)
    before = await kinds(handle)
    for _ in range(3):
        with pytest.raises(WorkflowUpdateFailedError) as rejected:
            await handle.execute_update("add", -1, id="rejected")
        assert rejected.value.cause.message == "the balance cannot be negative"
        assert rejected.value.cause.type == "Overdrawn"
    for name, what in (("nothing", "unknown update"), ("add", "decode")):
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(name, "one")
        assert what in refused.value.cause.message
    assert await kinds(handle) == before
    with pytest.raises(RPCError) as gone:
        await handle.get_update_handle("rejected").result()
    assert gone.value.status == RPCStatusCode.NOT_FOUND
    assert await handle.execute_update("add", 1, id="rejected") == 1


async def test_msg_13_the_same_id_is_one_update(client, worker):
    handle = await account(client)
    assert await handle.execute_update("add", 1, id="same") == 1
    assert await handle.execute_update("add", 1, id="same") == 1
    both = await asyncio.gather(
        *(handle.execute_update("wait_for_signals", 1, id="twice") for _ in range(2)),
        handle.signal("poke"),
    )
    assert both[:2] == [1, 1]
    accepted = [kind for kind in await kinds(handle) if kind.endswith("UPDATE_ACCEPTED")]
    assert len(accepted) == 2
    await handle.signal("close")
    await handle.result()
    assert await handle.execute_update("add", 1, id="same") == 1, "also when it is closed"


async def test_msg_15_a_failing_update_leaves_the_run_as_it_is(client, worker):
    handle = await account(client)
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update("refuse")
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "Never"
    fails = {"do": "fail", "message": "no", "non_retryable": True}
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update("add_from_activity", fails)
    assert isinstance(failed.value.cause, ActivityError)
    echo = {"do": "echo", "value": 7}
    assert await handle.execute_update("add_from_activity", echo) == 7


async def test_msg_15_a_bug_in_a_handler_blocks_the_run_and_the_update_waits(client):
    handle = await account(client)
    waiting = asyncio.create_task(handle.execute_update("panic"))

    async def is_blocked():
        return "WORKFLOW_TASK_FAILED" in await kinds(handle)

    await eventually(is_blocked)
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await asyncio.sleep(2.5)
    failures = [kind for kind in await kinds(handle) if kind == "WORKFLOW_TASK_FAILED"]
    assert len(failures) == 1, "only the first is in the history"
    await handle.terminate()
    with pytest.raises(RPCError) as gone:
        await waiting
    assert gone.value.status == RPCStatusCode.NOT_FOUND


async def test_msg_16_an_accepted_update_fails_when_its_run_closes(client):
    handle = await account(client)
    waiting = await handle.start_update(
        "wait_for_signals", 9, id="open", wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    result = asyncio.create_task(waiting.result())
    await handle.signal("close")
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await result
    assert failed.value.cause.type == "AcceptedUpdateCompletedWorkflow"
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.get_update_handle("open").result()
    assert "completed before the Update completed" in failed.value.cause.message


async def test_msg_16_the_update_that_ends_the_run_is_completed(client):
    handle = await account(client, 3)
    assert await handle.execute_update("close_now") == 3
    assert await handle.result() == 3


async def test_an_update_to_a_closed_or_unknown_run_says_so(client):
    handle = await account(client)
    await handle.signal("close")
    await handle.result()
    with pytest.raises(RPCError, match="already completed") as closed:
        await handle.execute_update("add", 1)
    assert closed.value.status == RPCStatusCode.NOT_FOUND
    with pytest.raises(RPCError, match="not found") as unknown:
        await client.get_workflow_handle(new_id()).execute_update("add", 1)
    assert unknown.value.status == RPCStatusCode.NOT_FOUND


async def test_an_update_with_a_payload_over_the_limit_is_refused(client):
    handle = await account(client)
    with pytest.raises(RPCError, match="payload-bytes") as refused:
        await handle.execute_update("add", "x" * (2 * 1024 * 1024 + 1))
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_msg_17_a_flood_of_updates_stops_at_named_limits():
    server = Server("--updates-in-flight", "20", "--run-updates", "30")
    try:
        client = await Client.connect(server.address)
        handle = await account(client)
        stage = WorkflowUpdateStage.ACCEPTED
        for n in range(20):
            await handle.start_update("wait_for_signals", 1, id=f"u{n}", wait_for_stage=stage)
        with pytest.raises(RPCError, match="updates-in-flight"):
            await handle.start_update(
                "add", 1, id="u20", wait_for_stage=stage, rpc_timeout=SHORT
            )
        await handle.signal("poke")
        for n in range(20):
            assert await handle.get_update_handle(f"u{n}").result() == 1
        for n in range(10):
            assert await handle.execute_update("add", 1) == n + 1
        with pytest.raises(RPCError, match="run-updates") as spent:
            await handle.execute_update("add", 1)
        assert spent.value.status == RPCStatusCode.FAILED_PRECONDITION
        await handle.signal("close")
        assert await handle.result() == 10
    finally:
        server.stop()


async def test_many_updates_at_once_are_all_done_in_some_order(client):
    handle = await account(client)
    answers = await asyncio.gather(*(handle.execute_update("add", 1) for _ in range(100)))
    assert sorted(answers) == list(range(1, 101))


async def test_updates_and_signals_keep_their_order(client):
    handle = await client.start_workflow("Listener", id=new_id(), task_queue="kit")
    for n in range(10):
        await handle.signal(f"s{n}")
        assert await handle.execute_update(f"u{n}", n) == 1
    await handle.signal("end")
    expected = [name for n in range(10) for name in (f"s{n}", f"u{n}")]
    assert await handle.result() == [*expected, "end"]


async def test_wf_17_dynamic_handlers_hear_every_name(client):
    handle = await client.start_workflow("Listener", id=new_id(), task_queue="kit")
    await handle.signal("hello", 1)
    assert await handle.execute_update("how", args=[1, 2, 3]) == 3
    assert await handle.query("who") == "who? hello,how"


async def signal_with_start(client, workflow_id: str, item, **options):
    return await client.start_workflow(
        "Collector", 2, id=workflow_id, task_queue="kit",
        start_signal="add", start_signal_args=[item], **options,
    )


async def test_msg_05_signal_with_start_starts_once_and_signals_then(client):
    workflow_id = new_id()
    first = await signal_with_start(client, workflow_id, "a")
    second = await signal_with_start(client, workflow_id, "b")
    assert first.result_run_id == second.result_run_id
    assert await first.result() == ["a", "b"]
    events = await kinds(first)
    assert events[:3] == [
        "WORKFLOW_EXECUTION_STARTED", "WORKFLOW_EXECUTION_SIGNALED", "WORKFLOW_TASK_SCHEDULED",
    ]
    third = await signal_with_start(client, workflow_id, "c")
    assert third.result_run_id != first.result_run_id


async def test_msg_05_signal_with_start_obeys_the_id_policies(client):
    workflow_id = new_id()
    first = await signal_with_start(client, workflow_id, "a")
    replaced = await signal_with_start(
        client, workflow_id, "b", id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
    )
    assert replaced.result_run_id != first.result_run_id
    old = client.get_workflow_handle(workflow_id, run_id=first.result_run_id)
    assert (await old.describe()).status == WorkflowExecutionStatus.TERMINATED
    with pytest.raises(RPCError, match="FAIL") as invalid:
        await signal_with_start(
            client, workflow_id, "c", id_conflict_policy=WorkflowIDConflictPolicy.FAIL
        )
    assert invalid.value.status == RPCStatusCode.INVALID_ARGUMENT
    await replaced.signal("add", "c")
    assert await replaced.result() == ["b", "c"]
    for policy in (
        WorkflowIDReusePolicy.REJECT_DUPLICATE,
        WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
    ):
        with pytest.raises(WorkflowAlreadyStartedError):
            await signal_with_start(client, workflow_id, "d", id_reuse_policy=policy)


def with_start(workflow_id: str, opening: int = 0, **options):
    options.setdefault("id_conflict_policy", WorkflowIDConflictPolicy.USE_EXISTING)
    return WithStartWorkflowOperation(
        "Account", opening, id=workflow_id, task_queue="kit", **options
    )


async def test_msg_18_update_with_start_starts_once_and_updates_then(client):
    workflow_id = new_id()
    first, second = with_start(workflow_id, 5), with_start(workflow_id, 100)
    execute = client.execute_update_with_start_workflow
    # The handler runs before the main function, as every early message does.
    assert await execute("add", 1, start_workflow_operation=first) == 1
    assert await execute("add", 1, start_workflow_operation=second) == 7
    handle = await first.workflow_handle()
    assert (await second.workflow_handle()).result_run_id == handle.result_run_id
    await handle.signal("close")
    assert await handle.result() == 7


async def test_msg_18_a_repeated_update_with_start_finds_the_same_update(client):
    workflow_id = new_id()
    execute = client.execute_update_with_start_workflow
    for policy in (
        WorkflowIDConflictPolicy.FAIL,
        WorkflowIDConflictPolicy.USE_EXISTING,
        WorkflowIDConflictPolicy.TERMINATE_EXISTING,
        WorkflowIDConflictPolicy.FAIL,
    ):
        operation = with_start(workflow_id, id_conflict_policy=policy)
        assert await execute("add", 1, id="once", start_workflow_operation=operation) == 1


async def test_msg_18_update_with_start_obeys_the_id_policies(client):
    workflow_id = new_id()
    handle = await account(client, 3, id=workflow_id)
    execute = client.execute_update_with_start_workflow
    operation = with_start(workflow_id, id_conflict_policy=WorkflowIDConflictPolicy.FAIL)
    with pytest.raises(WorkflowAlreadyStartedError):
        await execute("add", 1, start_workflow_operation=operation)
    with pytest.raises(WorkflowAlreadyStartedError):
        await operation.workflow_handle()
    replace = with_start(
        workflow_id, id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING
    )
    assert await execute("add", 2, start_workflow_operation=replace) == 2
    assert (await replace.workflow_handle()).result_run_id != handle.result_run_id


async def test_msg_18_a_rejected_update_starts_the_run_all_the_same(client):
    operation = with_start(new_id())
    with pytest.raises(WorkflowUpdateFailedError):
        await client.execute_update_with_start_workflow(
            "add", -1, start_workflow_operation=operation
        )
    handle = await operation.workflow_handle()
    assert await handle.query("balance") == 0
    assert await kinds(handle) == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
    ]


async def test_msg_09_queries_are_rejected_by_the_runs_status(client):
    handle = await account(client)
    not_open, not_clean = QueryRejectCondition.NOT_OPEN, QueryRejectCondition.NOT_COMPLETED_CLEANLY
    assert await handle.query("balance", reject_condition=not_open) == 0
    await handle.terminate()
    for condition in (not_open, not_clean):
        with pytest.raises(WorkflowQueryRejectedError) as rejected:
            await handle.query("balance", reject_condition=condition)
        assert rejected.value.status == WorkflowExecutionStatus.TERMINATED
    assert await handle.query("balance", reject_condition=QueryRejectCondition.NONE) == 0


async def test_msg_10_the_stack_says_what_the_run_waits_for(client):
    handle = await account(client)
    await handle.start_update(
        "wait_for_signals", 1, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    stack = await handle.query("__stack_trace")
    assert "condition" in stack and "messages.rs" in stack
    assert 'update "wait_for_signals"' in stack
    enhanced = await handle.query("__enhanced_stack_trace")
    assert len(enhanced["stacks"]) == 2


async def test_wf_28_the_metadata_lists_handlers_and_current_details(client):
    handle = await account(client)
    await handle.execute_update("add", 4)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.definition.type == "Account"
    assert metadata.current_details == "balance 4"
    updates = {u.name: u.description for u in metadata.definition.update_definitions}
    assert updates["add"] == "Adds to the balance and gives the new one."
    assert [q.name for q in metadata.definition.query_definitions] == ["balance"]
    assert "poke" in [s.name for s in metadata.definition.signal_definitions]


async def test_an_accepted_update_outlives_a_crash_and_is_found_by_its_id():
    server = Server()
    try:
        client = await Client.connect(server.address)
        handle = await account(client)
        stage = WorkflowUpdateStage.ACCEPTED
        assert await handle.execute_update("add", 3, id="done") == 3
        await handle.start_update("wait_for_signals", 1, id="waits", wait_for_stage=stage)
        asleep = {"do": "sleep", "ms": 300}
        await handle.start_update("add_from_activity", asleep, id="works", wait_for_stage=stage)
        before = await kinds(handle)
        server.kill()
        server.start()
        assert await kinds(handle) == before
        assert await handle.get_update_handle("done").result() == 3
        await handle.signal("poke")
        assert await handle.get_update_handle("waits").result() == 1
        async with Worker(client, task_queue="kit", activities=[do]):
            assert await handle.get_update_handle("works").result() == 3
        assert await handle.execute_update("add", 1, id="done") == 3, "still the same update"
        await handle.signal("close")
        assert await handle.result() == 3
    finally:
        server.stop()


async def test_histories_with_updates_replay_after_every_single_activation():
    server = Server("--evict-after-each-activation")
    try:
        client = await Client.connect(server.address)
        operation = with_start(new_id(), 10)
        execute = client.execute_update_with_start_workflow
        assert await execute("add", 1, start_workflow_operation=operation) == 1
        handle = await operation.workflow_handle()
        waits = await handle.start_update(
            "wait_for_signals", 2, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        for n in range(1, 6):
            with pytest.raises(WorkflowUpdateFailedError):
                await handle.execute_update("add", -100)
            assert await handle.execute_update("add", 1) == 11 + n
            await handle.signal("poke")
            assert await handle.query("balance") == 11 + n
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("refuse")
        assert await waits.result() == 2
        assert await handle.execute_update("close_now") == 16
        assert await handle.result() == 16
        assert "WORKFLOW_TASK_FAILED" not in await kinds(handle)
    finally:
        server.stop()


async def test_official_readers_load_histories_with_updates(client):
    handle = await account(client)
    await handle.execute_update("add", 1)
    await handle.signal("close")
    await handle.result()
    text = (await handle.fetch_history()).to_json()
    read = WorkflowHistory.from_json(handle.id, text)
    assert len(read.events) == len(await kinds(handle))


async def test_msg_16_an_update_that_was_not_accepted_goes_to_the_next_run(client):
    handle = await client.start_workflow("Roller", 1, id=new_id(), task_queue="kit")
    accepted = await handle.start_update("for_ever", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
    first = client.get_workflow_handle(handle.id, run_id=handle.result_run_id)
    # The code is busy for a while: what comes in then waits for it.
    await first.signal("roll")
    assert await first.execute_update("generation") == 2
    assert (await handle.describe()).run_id != handle.result_run_id
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await accepted.result()
    assert failed.value.cause.type == "AcceptedUpdateCompletedWorkflow"
