"""Business processes and workflows among themselves."""

import asyncio

import pytest
from helpers import kinds, run, start
from samples import activities
from samples.orders import Customer
from temporalio.client import WorkflowFailureError


async def test_a_saga_undoes_what_was_done(client):
    activities.BOOKED.clear()
    assert await run(client, "SagaWorkflow", ["car", "hotel"]) == ["car booked", "hotel booked"]
    activities.BOOKED.clear()
    with pytest.raises(WorkflowFailureError) as failed:
        await run(client, "SagaWorkflow", ["car", "hotel", "flight to nowhere"])
    assert failed.value.cause.type == "Compensated"
    assert activities.BOOKED == [
        "book car", "book hotel", "undo flight to nowhere", "undo hotel", "undo car",
    ]


async def test_a_timer_that_is_updated(client):
    handle = await start(client, "UpdatableTimerWorkflow", 3600.0)
    far = await handle.query("get_wake_up_time")
    await handle.signal("update_wake_up_time", 0.1)
    assert await handle.result() == "woken up"
    assert await handle.query("get_wake_up_time") < far
    assert "TIMER_CANCELED" in await kinds(handle)


async def test_a_subscription_with_a_trial(client):
    handle = await start(client, "SubscriptionWorkflow", _customer("c1", 0.2))
    await handle.signal("update_charge", 12.5)
    assert await handle.query("billing_amount") == 12.5
    assert await handle.result() == "c1 ended at 12.50 ['new']"
    handle = await start(client, "SubscriptionWorkflow", _customer("c2", 3600))
    await handle.signal("cancel_subscription")
    assert await handle.result() == "cancelled in trial"


def _customer(identity: str, seconds: float) -> Customer:
    return Customer(identity, seconds, 10.0, ["new"])


async def test_an_approval(client):
    handle = await start(client, "ExpenseWorkflow", 3600.0)
    assert await handle.execute_update("decide", True) == "noted"
    assert await handle.result() == "approved"
    assert await run(client, "ExpenseWorkflow", 0.05) == "timed out"


async def test_polling_by_retries_and_by_children(client):
    assert await run(client, "InfrequentPollingWorkflow") == "ready"
    assert await run(client, "PeriodicPollingWorkflow") == "Hello, poll! after 5 rounds"


async def test_a_mutex_among_workflows(client):
    mutex = await start(client, "MutexWorkflow")
    holders = [await start(client, "CriticalSectionWorkflow", mutex.id) for _ in range(3)]
    for holder in holders:
        assert await holder.result() == f"Hello, {holder.id}!"
    assert await mutex.result() == 3


async def test_a_sliding_window_of_children(client):
    window = {"size": 2, "records": 7, "next": 0, "results": []}
    assert await run(client, "SlidingWindowWorkflow", window) == [i * 2 for i in range(7)]


async def test_a_program_as_input(client):
    program = {
        "sequence": [
            {"activity": "say_hello", "argument": "a", "result": "one"},
            {
                "parallel": [
                    {"activity": "say_hello", "argument": "one", "result": "two"},
                    {"activity": "say_hello", "argument": "b", "result": "three"},
                ]
            },
        ]
    }
    assert await run(client, "DslWorkflow", program) == {
        "one": "Hello, a!", "two": "Hello, Hello, a!!", "three": "Hello, b!",
    }


async def test_children_in_all_ways(client):
    handle = await start(client, "FamilyWorkflow")
    seen = await asyncio.wait_for(handle.result(), 60)
    assert seen == {
        "taken": f"{handle.id}-a",
        "signalled": "woken",
        "cancelled": "ChildWorkflowError/CancelledError",
        "left": f"{handle.id}-c",
        "nobody": "ExternalWorkflowExecutionNotFound",
    }
    left = client.get_workflow_handle(f"{handle.id}-c")
    await left.signal("wake")
    assert await left.result() == "woken"


async def test_one_workflow_cancels_another(client):
    other = await start(client, "SleeperWorkflow")
    assert await run(client, "CancelOtherWorkflow", other.id) == "asked"
    with pytest.raises(WorkflowFailureError):
        await other.result()
