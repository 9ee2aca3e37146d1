"""Activities, timers and children, as the first pages of the documentation teach them."""

import asyncio

import pytest
from helpers import eventually, kinds, new_id, run, start
from samples import activities
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError


async def test_a_greeting(client):
    handle = await start(client, "GreetingWorkflow", "World")
    assert await handle.result() == "Hello, World!"
    assert await kinds(handle) == [
        "WORKFLOW_EXECUTION_STARTED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "ACTIVITY_TASK_SCHEDULED",
        "ACTIVITY_TASK_STARTED",
        "ACTIVITY_TASK_COMPLETED",
        "WORKFLOW_TASK_SCHEDULED",
        "WORKFLOW_TASK_STARTED",
        "WORKFLOW_TASK_COMPLETED",
        "WORKFLOW_EXECUTION_COMPLETED",
    ]


async def test_the_log_of_a_workflow_is_in_the_log_of_the_server(client, evicting):
    name = new_id("logged")
    await run(client, "GreetingWorkflow", name)
    # Once, although the code ran through this line in every replay.
    assert evicting.logged().count(f"Running workflow with parameter {name}") == 1


async def test_an_activity_is_retried(client):
    assert await run(client, "RetryWorkflow") == 3


async def test_a_failure_keeps_its_type_and_details(client):
    assert await run(client, "ExceptionWorkflow", "handled") == (
        "OutOfStock: handled cannot be had handled"
    )
    with pytest.raises(WorkflowFailureError) as failed:
        await run(client, "ExceptionWorkflow", "bread")
    gave_up = failed.value.cause
    assert isinstance(gave_up, ApplicationError) and gave_up.type == "GaveUp"
    assert isinstance(gave_up.cause, ActivityError)
    assert gave_up.cause.cause.type == "OutOfStock"
    assert gave_up.cause.cause.details == ({"name": "bread"},)
    # The stack names the user's own file.
    assert "samples/greetings.py" in gave_up.failure.stack_trace


async def test_activities_side_by_side(client):
    assert await run(client, "ParallelActivitiesWorkflow") == [
        f"Hello, user{i}!" for i in range(1, 6)
    ]


async def test_asyncio_in_its_variations(client):
    assert await run(client, "AsCompletedWorkflow") == {
        "completed": [0, 2, 4, 6],
        "group": [0, 2, 4],
        "waited": [16, 18],
    }


async def test_a_local_activity_is_an_activity(client):
    handle = await start(client, "LocalActivityWorkflow", "you")
    assert await handle.result() == "Hello, you!"
    assert "ACTIVITY_TASK_COMPLETED" in await kinds(handle)


async def test_a_child_and_its_failure(client):
    assert await run(client, "ParentWorkflow", "child") == "Hello, child!"
    assert await run(client, "ParentWorkflow", "nobody") == "child failed: Nobody: nobody to greet"


async def test_sleeping_for_days_until_told_to_stop(client):
    handle = await start(client, "SleepForDaysWorkflow", 0.05)
    async def has_sent_some():
        return (await kinds(handle)).count("TIMER_FIRED") >= 2
    await eventually(has_sent_some)
    await handle.signal("complete")
    assert await handle.result() >= 2


@pytest.mark.parametrize(
    "value",
    [
        {"text": "ünïcödé 你好 🎉 \u0000 \\ \"", "empty": ""},
        {"whole": 2**53 + 1, "huge": 10**30, "negative": -(2**63), "zero": 0},
        {"third": 1 / 3, "tiny": 5e-324, "large": 1.7976931348623157e308, "minus": -0.0},
        {"nothing": None, "yes": True, "list": [[], [None, [1, "a", {"b": []}]]]},
    ],
)
async def test_values_come_back_as_they_went(client, value):
    assert await run(client, "EchoWorkflow", value) == value


async def test_a_catch_all_workflow_takes_what_nobody_else_does(client):
    assert await run(client, "WhateverWorkflow", 1, "two") == "WhateverWorkflow[1, 'two']"


async def test_a_header_travels_through_interceptors(client):
    from temporalio.client import Interceptor, OutboundInterceptor
    from temporalio.converter import PayloadConverter

    class Sender(Interceptor):
        def intercept_client(self, next):
            return Outbound(next)

    class Outbound(OutboundInterceptor):
        async def start_workflow(self, input):
            payload: Payload = PayloadConverter.default.to_payload("acme")
            input.headers = {**input.headers, "tenant": payload}
            return await super().start_workflow(input)

    config = client.config()
    config["interceptors"] = [Sender()]
    sender = type(client)(**config)
    seen = await run(sender, "InfoWorkflow")
    assert seen["tenant"] == "acme" and seen["headers"] == ["tenant"]
    assert (await run(client, "InfoWorkflow"))["tenant"] == "nobody"
