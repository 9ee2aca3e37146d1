"""Runs that are followed by others: continue-as-new, retries, cron, start delay."""

import asyncio
import json
import uuid
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import ContinueAsNewInitiator
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, TimeoutError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, Interceptor as WorkerInterceptor, Worker
from worker import do


def new_id() -> str:
    return f"chain-{uuid.uuid4()}"


async def start(client, workflow_type: str, *args, **options):
    options.setdefault("id", new_id())
    return await client.start_workflow(workflow_type, args=args, task_queue="kit", **options)


async def runs_of(client, workflow_id: str) -> list:
    listed = [run async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'")]
    return sorted(listed, key=lambda run: (run.start_time, run.run_id))


async def started_event(client, workflow_id: str, run_id: str):
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    history = await handle.fetch_history()
    return history.events[0].workflow_execution_started_event_attributes


# ---- continue-as-new ---------------------------------------------------------


async def test_wf_13_a_chain_ends_with_the_result_of_its_last_run(client):
    handle = await start(
        client, "Chain", {"left": 20}, memo={"note": "kept"},
        execution_timeout=timedelta(minutes=5),
    )
    known = await handle.result()
    assert known["done"] == 20
    assert known["first_run_id"] == handle.first_execution_run_id
    assert (known["memo"], known["attempt"]) == ("kept", 1)
    assert known["initiator"] == "Workflow"
    assert known["execution_timeout_s"] == 300
    runs = await runs_of(client, handle.id)
    assert len(runs) == 21 and len({run.run_id for run in runs}) == 21
    assert [run.status for run in runs[:-1]] == [WorkflowExecutionStatus.CONTINUED_AS_NEW] * 20
    assert runs[-1].status == WorkflowExecutionStatus.COMPLETED
    with pytest.raises(WorkflowContinuedAsNewError) as went_on:
        await client.get_workflow_handle(handle.id, run_id=runs[0].run_id).result(
            follow_runs=False
        )
    assert went_on.value.new_execution_run_id == runs[1].run_id
    started = await started_event(client, handle.id, runs[1].run_id)
    assert started.continued_execution_run_id == runs[0].run_id
    assert started.first_execution_run_id == handle.first_execution_run_id
    assert started.initiator == ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW
    counted = await client.count_workflows(
        f"WorkflowId = '{handle.id}' AND ExecutionStatus = 'ContinuedAsNew'"
    )
    assert counted.count == 20
    deadlines = set()
    for run in (runs[0], runs[20]):
        described = await client.get_workflow_handle(handle.id, run_id=run.run_id).describe()
        info = described.raw_description.workflow_extended_info
        deadlines.add(info.execution_expiration_time.ToNanoseconds())
    assert len(deadlines) == 1, "the execution timeout is that of the whole chain"


async def test_vis_02_counters_tell_the_statuses_of_chains(client):
    async def by_status():
        groups = (await client.count_workflows("GROUP BY ExecutionStatus")).groups
        return {group.group_values[0]: group.count for group in groups}

    before = await by_status()
    handle = await start(client, "Chain", {"left": 30})
    await handle.result()
    after = await by_status()
    grown = {key: after.get(key, 0) - before.get(key, 0) for key in after}
    assert grown["ContinuedAsNew"] == 30
    assert grown["Completed"] == 1
    assert grown.get("Running", 0) == 0


async def test_wf_13_a_successor_may_be_another_one_in_every_way(client):
    change = {
        "workflow_type": "LastLink", "task_queue": "elsewhere", "memo": "changed",
        "run_timeout_ms": 60_000, "maximum_attempts": 7, "backoff_ms": 300,
    }
    handle = await start(client, "Chain", {"left": 1, "next": change}, memo={"note": "old"})
    known = await handle.result()
    assert known["type"] == "LastLink"
    assert known["task_queue"] == "elsewhere"
    assert known["memo"] == "changed"
    assert known["run_timeout_s"] == 60
    assert known["retry_attempts"] == 7
    first, second = await runs_of(client, handle.id)
    assert second.workflow_type == "LastLink"
    assert second.execution_time - second.start_time == timedelta(milliseconds=300)
    assert second.close_time - second.start_time >= timedelta(milliseconds=300)
    assert first.workflow_type == "Chain"


async def test_wf_13_a_type_that_nobody_exports_blocks_the_run_in_words(client):
    change = {"workflow_type": "Nowhere"}
    handle = await start(client, "Chain", {"left": 1, "next": change})
    description = await blocked(handle)
    problems = description.workflow_execution_info.search_attributes.indexed_fields
    said = problems["TemporalReportedProblems"].data
    assert b"BadContinueAsNewAttributes" in said
    assert b"type Nowhere" in said and b"mainspring component upload" in said
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def test_vis_05_a_memo_past_its_limit_blocks_the_run_in_words(client):
    handle = await start(client, "Chain", {"left": 1, "next": {"memo_bytes": 2_100_000}})
    description = await blocked(handle)
    problems = description.workflow_execution_info.search_attributes.indexed_fields
    said = problems["TemporalReportedProblems"].data
    assert b"the memo of the successor" in said and b"payload-bytes" in said
    await handle.terminate()


async def test_vis_05_and_wf_24_memo_and_header_of_a_start_have_their_limits(server):
    from temporalio.client import Client

    client = await Client.connect(server.address, interceptors=[Tracing("x" * 2_100_000)])
    plain = await Client.connect(server.address)
    for starter, options, what, limit in [
        (client, {}, "Header", "payload-bytes"),
        (plain, {"memo": {"note": "x" * 2_100_000}}, "Memo", "memo-bytes"),
    ]:
        with pytest.raises(RPCError) as refused:
            await start(starter, "Chain", {"left": 0}, **options)
        assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert what in refused.value.message and limit in refused.value.message


async def blocked(handle):
    while True:
        description = (await handle.describe()).raw_description
        if description.pending_workflow_task.attempt > 1:
            return description
        await asyncio.sleep(0.05)


async def test_msg_01_no_signal_is_lost_between_the_runs_of_a_chain(client):
    handle = await start(client, "Subscription", 7, [])
    latest = client.get_workflow_handle(handle.id)

    async def send(number):
        await latest.signal("add", number)

    await asyncio.gather(*(send(number) for number in range(200)))
    await latest.signal("end")
    heard = await handle.result()
    assert sorted(heard) == list(range(200))
    assert len(await runs_of(client, handle.id)) > 1


async def test_msg_16_an_update_that_was_not_heard_of_lands_on_the_next_run(client):
    handle = await start(client, "SlowToContinue", True)
    latest = client.get_workflow_handle(handle.id)
    update = await latest.start_update(
        "tell", 4, wait_for_stage=WorkflowUpdateStage.COMPLETED
    )
    assert await update.result() == 5
    assert await handle.result() == 4
    first, second = await runs_of(client, handle.id)
    assert first.status == WorkflowExecutionStatus.CONTINUED_AS_NEW
    assert update.workflow_run_id == second.run_id


async def test_tim_02_an_update_begins_a_delayed_run_early(client):
    handle = await start(client, "SlowToContinue", False, start_delay=timedelta(hours=1))
    assert await handle.execute_update("tell", 1) == 2
    assert await handle.result() == 1


async def test_lif_05_requests_without_a_run_id_mean_the_latest_run(client):
    # The second run is there until it is cancelled.
    change = {"backoff_ms": 0, "sleep_ms": 600_000}
    handle = await start(client, "Chain", {"left": 1, "next": change, "sleep_ms": 200})
    latest = client.get_workflow_handle(handle.id)
    while (await latest.describe()).run_id == handle.first_execution_run_id:
        await asyncio.sleep(0.02)
    await latest.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    runs = await runs_of(client, handle.id)
    assert runs[-1].status == WorkflowExecutionStatus.CANCELED
    of_first = client.get_workflow_handle(handle.id, run_id=runs[0].run_id)
    with pytest.raises(RPCError) as closed:
        await of_first.signal("add", 1)
    assert closed.value.status == RPCStatusCode.NOT_FOUND
    # The chain is named by its first run.
    with pytest.raises(RPCError):
        await client.get_workflow_handle(
            handle.id, first_execution_run_id=str(uuid.uuid4())
        ).terminate()


async def test_msg_08_each_run_of_a_chain_answers_for_itself(client):
    handle = await start(client, "Subscription", 2, [])
    latest = client.get_workflow_handle(handle.id)
    for number in range(3):
        await latest.signal("add", number)
    first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    assert await latest.query("heard") == 1
    assert await first.query("heard") == 0, "it handed on what it had heard"
    await latest.signal("end")
    await handle.result()


async def test_wf_14_a_successor_is_suggested_with_its_reasons(server_with_short_histories):
    client = server_with_short_histories
    handle = await start(client, "Grower", 0)
    assert (await handle.result())["runs"] == 1
    first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    history = await first.fetch_history()
    told = [
        event.workflow_task_started_event_attributes
        for event in history.events
        if event.HasField("workflow_task_started_event_attributes")
    ]
    assert [task.suggest_continue_as_new for task in told][-2:] == [False, True]
    assert len(told[-1].suggest_continue_as_new_reasons) == 1


async def test_lif_06_the_execution_timeout_ends_the_whole_chain(client):
    handle = await start(
        client, "Chain", {"left": 1_000_000, "sleep_ms": 20},
        execution_timeout=timedelta(milliseconds=500),
    )
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, TimeoutError)
    runs = await runs_of(client, handle.id)
    assert len(runs) > 3
    assert runs[-1].status == WorkflowExecutionStatus.TIMED_OUT


async def test_lif_01_a_chain_keeps_its_id_and_a_termination_ends_it(client):
    handle = await start(client, "Chain", {"left": 1_000_000, "sleep_ms": 5})
    with pytest.raises(WorkflowAlreadyStartedError):
        await start(client, "Chain", {"left": 1}, id=handle.id)
    await client.get_workflow_handle(handle.id).terminate()
    runs = await runs_of(client, handle.id)
    assert runs[-1].status == WorkflowExecutionStatus.TERMINATED
    assert all(r.status == WorkflowExecutionStatus.CONTINUED_AS_NEW for r in runs[:-1])


# ---- headers -----------------------------------------------------------------


class Tracing(Interceptor):
    """Adds a header to every start."""

    def __init__(self, value: str) -> None:
        self.value = value

    def intercept_client(self, next):
        value = self.value

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, input):
                data = json.dumps(value).encode()
                payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
                input.headers = {**input.headers, "trace": payload}
                return await super().start_workflow(input)

        return Outbound(next)


class Seeing(WorkerInterceptor):
    """Notes the headers of activities."""

    def __init__(self) -> None:
        self.seen = []

    def intercept_activity(self, next):
        seen = self.seen

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input):
                seen.append({name: json.loads(p.data) for name, p in input.headers.items()})
                return await super().execute_activity(input)

        return Inbound(next)


async def test_wf_24_a_header_travels_to_every_run_and_its_activities(server):
    from temporalio.client import Client

    client = await Client.connect(server.address, interceptors=[Tracing("abc")])
    seeing, queue = Seeing(), f"queue-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, activities=[do], interceptors=[seeing]):
        known = await client.execute_workflow(
            "Chain", {"left": 2, "act": True}, id=new_id(), task_queue=queue
        )
    assert known["header"] == "abc"
    assert seeing.seen == [{"trace": "abc"}] * 3
    retried = await client.execute_workflow(
        "Flaky", {"until": 2}, id=new_id(), task_queue="kit",
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
    )
    assert retried["header"] == "abc"


# ---- retries -----------------------------------------------------------------


async def test_lif_09_a_failed_workflow_is_tried_again_by_its_policy(client):
    handle = await start(
        client, "Flaky", {"until": 3}, memo={"note": "kept"},
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
    )
    known = await handle.result()
    assert known["attempt"] == 3
    assert known["failure"] == "attempt 2 fails"
    assert known["initiator"] == "Retry"
    assert known["memo"] == "kept"
    assert known["first_run_id"] == handle.first_execution_run_id
    runs = await runs_of(client, handle.id)
    assert [run.status for run in runs] == [
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.COMPLETED,
    ]
    waits = [run.execution_time - run.start_time for run in runs]
    assert waits == [timedelta(), timedelta(milliseconds=100), timedelta(milliseconds=200)]
    with pytest.raises(WorkflowFailureError) as first:
        await client.get_workflow_handle(handle.id, run_id=runs[0].run_id).result(
            follow_runs=False
        )
    assert first.value.cause.message == "attempt 1 fails"


async def test_lif_09_the_attempts_end_with_the_last_failure(client):
    for policy, runs, asked in [
        (RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2), 2, {}),
        (RetryPolicy(non_retryable_error_types=["Final"]), 1, {"error_type": "Final"}),
        (RetryPolicy(maximum_attempts=1), 1, {}),
    ]:
        handle = await start(client, "Flaky", {"until": 99, **asked}, retry_policy=policy)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.message == f"attempt {runs} fails"
        assert len(await runs_of(client, handle.id)) == runs


async def test_lif_07_a_run_that_times_out_is_tried_again_too(client):
    handle = await start(
        client, "Flaky", {"until": 2, "sleep_ms": 60_000},
        run_timeout=timedelta(milliseconds=100),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
    )
    known = await handle.result()
    assert known["attempt"] == 2
    assert "timeout" in known["failure"]
    first, _ = await runs_of(client, handle.id)
    assert first.status == WorkflowExecutionStatus.TIMED_OUT


async def test_lif_09_what_happens_during_a_backoff(client):
    slow = RetryPolicy(initial_interval=timedelta(hours=1))
    handle = await start(client, "Flaky", {"until": 2}, retry_policy=slow)
    latest = client.get_workflow_handle(handle.id)
    while (await latest.describe()).run_id == handle.first_execution_run_id:
        await asyncio.sleep(0.02)
    described = await latest.describe()
    assert described.status == WorkflowExecutionStatus.RUNNING
    assert described.execution_time - described.start_time == timedelta(hours=1)
    with pytest.raises((RPCError, WorkflowQueryFailedError), match="has not begun"):
        await latest.query("anything")
    with pytest.raises(WorkflowAlreadyStartedError):
        await start(client, "Flaky", {"until": 1}, id=handle.id)
    await latest.terminate()
    with pytest.raises(WorkflowFailureError):
        await handle.result()


# ---- cron --------------------------------------------------------------------


async def test_tim_03_and_wf_19_a_cron_series_hands_on_results_and_failures(client):
    handle = await start(client, "Ticker", 2, cron_schedule="@every 1s")
    latest = client.get_workflow_handle(handle.id)
    while len(runs := await runs_of(client, handle.id)) < 5:
        await asyncio.sleep(0.1)
    await latest.terminate()
    statuses = [run.status for run in runs[:4]]
    assert statuses == [
        WorkflowExecutionStatus.COMPLETED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.COMPLETED,
        WorkflowExecutionStatus.COMPLETED,
    ]
    results = []
    for run in (runs[0], runs[2], runs[3]):
        one = client.get_workflow_handle(handle.id, run_id=run.run_id)
        results.append(await one.result(follow_runs=False))
    assert [result["number"] for result in results] == [1, 2, 3]
    about = [result["about"] for result in results]
    assert [known["failure"] for known in about] == [None, "this tick fails", None]
    assert about[0]["cron"] == "@every 1s" and about[0]["last_result"] is None
    assert about[1]["initiator"] == "CronSchedule"
    for run in runs[:4]:
        wait = run.execution_time - run.start_time
        assert timedelta() < wait <= timedelta(seconds=1)


async def test_tim_03_a_signal_waits_for_the_tick_and_a_cancel_ends_the_series(client):
    handle = await start(client, "Ticker", None, cron_schedule="0 0 1 1 *")
    await handle.signal("note")
    described = await handle.describe()
    assert described.status == WorkflowExecutionStatus.RUNNING
    assert described.execution_time > described.start_time
    history = await handle.fetch_history()
    assert len(history.events) == 2, "no task before the tick"
    await handle.terminate(reason="enough")
    runs = await runs_of(client, handle.id)
    assert [run.status for run in runs] == [WorkflowExecutionStatus.TERMINATED]


async def test_tim_03_bad_schedules_are_refused_in_words(client):
    for schedule, said in [
        ("99 * * * *", "99 is not within 0 to 59"),
        ("* * * *", "4 fields"),
        ("0 0 30 2 *", "never come"),
        ("CRON_TZ=Mars/Olympus @daily", "Mars/Olympus"),
        ("x" * 2_000, "id-bytes"),
    ]:
        with pytest.raises(RPCError) as refused:
            await start(client, "Ticker", None, cron_schedule=schedule)
        assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert said in refused.value.message


# ---- start delay -------------------------------------------------------------


async def test_tim_02_a_delayed_run_begins_later(client):
    handle = await start(
        client, "Chain", {"left": 0}, start_delay=timedelta(milliseconds=400),
        run_timeout=timedelta(milliseconds=300),
    )
    history = await handle.fetch_history()
    assert len(history.events) == 1
    await handle.result()
    described = await handle.describe()
    assert described.execution_time - described.start_time == timedelta(milliseconds=400)
    assert described.close_time >= described.execution_time


async def test_tim_02_a_signal_begins_it_early(client):
    handle = await start(client, "Collector", 1, start_delay=timedelta(hours=1))
    await handle.signal("add", "early")
    assert await handle.result() == ["early"]


async def test_tim_02_cancel_and_terminate_need_no_patience(client):
    cancelled = await start(client, "Collector", 1, start_delay=timedelta(hours=1))
    await cancelled.cancel()
    with pytest.raises(WorkflowFailureError):
        await cancelled.result()
    assert (await cancelled.describe()).status == WorkflowExecutionStatus.CANCELED
    terminated = await start(client, "Collector", 1, start_delay=timedelta(hours=1))
    await terminated.terminate()
    assert (await terminated.describe()).status == WorkflowExecutionStatus.TERMINATED


async def test_tim_02_bad_delays_are_refused_in_words(client):
    for options, said in [
        ({"start_delay": timedelta(seconds=-1)}, "negative"),
        (
            {"start_delay": timedelta(seconds=1), "cron_schedule": "@daily"},
            "may not be used together",
        ),
    ]:
        with pytest.raises(RPCError) as refused:
            await start(client, "Collector", 1, **options)
        assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
        assert said in refused.value.message
