"""The kit's workflows as one writes them for the official SDK.

They are not run: the SDK replays histories of the kit's own against them. The SDK counts
activities and timers apart, our server counts all operations of a run together; where
that differs the ID is given here.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ActivityCancellationType, ChildWorkflowCancellationType

MINUTE = timedelta(minutes=1)

RUNS = [
    "act-03-schedule-to-close-timeout",
    "act-04-start-to-close-timeout",
    "act-05-schedule-to-start-timeout",
    "act-06-heartbeat-timeout",
    "act-08-retried",
    "act-08-type-not-retried",
    "act-09-not-retried",
    "act-11-attempts-used-up",
    "act-13-abandon",
    "act-13-cancelled-before-its-start",
    "act-13-try-cancel",
    "act-13-wait-for-cancel",
    "lif-03-replaced",
    "lif-03-replaced.2",
    "lif-07-timed-out",
    "lif-09-retried",
    "lif-09-retried.2",
    "lif-11-cancelled",
    "lif-12-terminated",
    "lif-15-start-options",
    "msg-01-signal-without-handler",
    "msg-01-signals",
    "msg-05-signal-with-start",
    "msg-06-update-with-activity",
    "msg-08-queries",
    "msg-11-update",
    "msg-11-update-without-validator",
    "msg-12-update-rejected",
    "msg-15-update-fails",
    "msg-18-update-with-start",
    "tim-01-timer",
    "tim-02-start-delay",
    "tim-03-cron",
    "tim-03-cron.2",
    "wf-01-order",
    "wf-03-blocked-and-resumed",
    "wf-09-cancelled-timer",
    "wf-10-child",
    "wf-10-child.2",
    "wf-10-child-exists",
    "wf-10-child-is-terminated",
    "wf-10-child-times-out",
    "wf-11-abandon",
    "wf-11-try-cancel",
    "wf-11-wait-cancellation-completed",
    "wf-11-withdrawn",
    "wf-12-close-policy-abandon",
    "wf-12-close-policy-abandon.2",
    "wf-12-close-policy-request-cancel",
    "wf-12-close-policy-request-cancel.2",
    "wf-12-close-policy-terminate",
    "wf-12-close-policy-terminate.2",
    "wf-13-continued-as-new",
    "wf-13-continued-as-new.2",
    "wf-16-cancel",
    "wf-16-cancel.2",
    "wf-16-cancel-not-found",
    "wf-16-signal",
    "wf-16-signal.2",
    "wf-16-signal-not-found",
    "wf-21-child-fails",
    "wf-21-child-fails.2",
    "wf-21-failed",
    "wf-27-labels",
]
"""Histories that are replayed, by the names of their files. Three are left out:

- `wf-10-child-is-signalled`: the SDK has a handle to signal only when the child has
  started; our guests may signal before, and the server keeps it until then.
- `wf-11-wait-cancellation-requested`: the SDK takes this type for
  `WAIT_CANCELLATION_COMPLETED`, so that no program written for it does the same.
- `msg-03-signal-at-the-end`: the signal stands between the start of a task and its end,
  where Temporal would have kept it back until the end.
"""


@workflow.defn(name="OrderWorkflow")
class Order:
    @workflow.run
    async def run(self, order: dict) -> None:
        for activity, argument in [
            ("ReserveInventory", order["OrderID"]),
            ("ChargePayment", order["OrderID"]),
            ("GenerateInvoice", order["OrderID"]),
            ("SendConfirmationEmail", order["UserID"]),
            ("NotifyWarehouse", order["OrderID"]),
        ]:
            await workflow.execute_activity(activity, argument, start_to_close_timeout=MINUTE)


@workflow.defn(name="OrderWorkflow")
class OtherOrder:
    """Charges before it reserves."""

    @workflow.run
    async def run(self, order: dict) -> None:
        for activity in ["ChargePayment", "ReserveInventory"]:
            await workflow.execute_activity(
                activity, order["OrderID"], start_to_close_timeout=MINUTE
            )


@workflow.defn(name="OneActivity")
class OneActivity:
    @workflow.run
    async def run(self, call: dict):
        cancellation = {
            "wait": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            "try": ActivityCancellationType.TRY_CANCEL,
            "abandon": ActivityCancellationType.ABANDON,
        }
        return await workflow.execute_activity(
            "Do",
            call["input"],
            start_to_close_timeout=MINUTE,
            cancellation_type=cancellation[call.get("cancellation", "wait")],
        )


@workflow.defn(name="Collector")
class Collector:
    def __init__(self) -> None:
        self.items: list = []

    @workflow.run
    async def run(self, count: int) -> list:
        await workflow.wait_condition(lambda: len(self.items) >= count)
        return self.items

    @workflow.signal
    def add(self, item) -> None:
        self.items.append(item)


@workflow.defn(name="Sleeper")
class Sleeper:
    @workflow.run
    async def run(self, sleep_ms: int) -> str:
        try:
            await asyncio.sleep(sleep_ms / 1000)
            return "slept"
        except asyncio.CancelledError:
            await workflow.execute_activity(
                "Do", {"do": "clean up"}, activity_id="2", start_to_close_timeout=MINUTE
            )
            raise


@workflow.defn(name="Failer")
class Failer:
    @workflow.run
    async def run(self, message: str) -> None:
        raise ApplicationError(message, "a detail", type="Declined")


@workflow.defn(name="Account")
class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.closed = False

    @workflow.run
    async def run(self, opening: int) -> int:
        self.balance += opening
        await workflow.wait_condition(lambda: self.closed)
        return self.balance

    @workflow.update
    def add(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @add.validator
    def check_add(self, amount: int) -> None:
        raise AssertionError("a replay does not validate again (MSG-14)")

    @workflow.update
    async def add_from_activity(self, call: dict) -> int:
        self.balance += await workflow.execute_activity(
            "Do", call, start_to_close_timeout=MINUTE
        )
        return self.balance

    @workflow.update
    def refuse(self) -> None:
        raise ApplicationError("never", type="Never")

    @workflow.update
    def close_now(self) -> int:
        self.closed = True
        return self.balance

    @workflow.signal
    def close(self) -> None:
        self.closed = True


@workflow.defn(name="Flaky")
class Flaky:
    @workflow.run
    async def run(self, asked: dict):
        attempt = workflow.info().attempt
        if attempt >= asked["until"]:
            return attempt
        raise ApplicationError(f"attempt {attempt} fails", type="Flaky")


@workflow.defn(name="Ticker")
class Ticker:
    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result() or {"number": 0}
        assert workflow.info().cron_schedule == "@every 1s"
        return last["number"] + 1


@workflow.defn(name="Chain")
class Chain:
    @workflow.run
    async def run(self, link: dict) -> int:
        if link["left"] == 0:
            return link["done"]
        workflow.continue_as_new({"left": link["left"] - 1}, memo={"note": "changed"})


@workflow.defn(name="Labels")
class Labels:
    def __init__(self) -> None:
        self.changes: list[dict] = []

    @workflow.run
    async def run(self) -> None:
        keys = {
            "Colour": SearchAttributeKey.for_keyword("Colour"),
            "Size": SearchAttributeKey.for_int("Size"),
        }
        while True:
            await workflow.wait_condition(lambda: len(self.changes) > 0)
            change = self.changes.pop(0)
            workflow.upsert_search_attributes(
                [
                    keys[name].value_unset() if value is None else keys[name].value_set(value)
                    for name, value in change["search_attributes"].items()
                ]
            )
            workflow.upsert_memo(change["memo"])
            if change.get("last"):
                return

    @workflow.signal
    def change(self, change: dict) -> None:
        self.changes.append(change)


CHILD_CANCELLATION = {
    "wait-completed": ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    "wait-requested": ChildWorkflowCancellationType.WAIT_CANCELLATION_REQUESTED,
    "try": ChildWorkflowCancellationType.TRY_CANCEL,
    "abandon": ChildWorkflowCancellationType.ABANDON,
}


@workflow.defn(name="Parent")
class Parent:
    @workflow.run
    async def run(self, family: dict):
        if not family["children"]:
            await asyncio.Future()
        [child] = family["children"]
        starting = asyncio.create_task(
            workflow.start_child_workflow(
                child["workflow"],
                child["input"],
                id=child["id"],
                cancellation_type=CHILD_CANCELLATION[
                    child.get("cancellation", "wait-completed")
                ],
            )
        )
        if family["then"] == "withdraw":
            starting.cancel()
        try:
            handle = await starting
            if family["then"] == "hang":
                await asyncio.Future()
            if family["then"] == "signal":
                await handle.signal("add", 1)
            if family["then"] == "cancel":
                handle.cancel()
            return await handle
        except BaseException as error:  # A cancelled child is told in more than one way.
            if family["then"] == "hang":
                raise
            return str(error)


@workflow.defn(name="FailWithChild")
class FailWithChild:
    @workflow.run
    async def run(self, child: dict):
        return await workflow.execute_child_workflow(
            child["workflow"], child["input"], id=f"{workflow.info().run_id}_1"
        )


@workflow.defn(name="Messenger")
class Messenger:
    @workflow.run
    async def run(self, message: dict):
        other = workflow.get_external_workflow_handle(message["to"])
        try:
            if message.get("signal"):
                await other.signal(message["signal"], message["input"])
            else:
                await other.cancel(reason="as told")
        except ApplicationError as error:
            return error.message
        return "delivered"


@workflow.defn(name="Busy")
class Busy:
    @workflow.run
    async def run(self) -> None:
        """What it is busy with is no matter of its history."""


WORKFLOWS = [
    Order, OneActivity, Collector, Sleeper, Failer, Account, Flaky, Ticker, Chain, Labels,
    Parent, FailWithChild, Messenger, Busy,
]
