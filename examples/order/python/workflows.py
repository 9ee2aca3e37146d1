"""The order story: five durable steps, each an activity in a worker.

Whatever dies along the way, a worker after it charged the card or the whole server, the
run goes on at the step where it was: a step that is recorded as done is never done again.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities import (
        charge_payment,
        generate_invoice,
        notify_warehouse,
        reserve_inventory,
        send_confirmation_email,
    )


@dataclass
class OrderInput:
    """What an order run starts with; its names are those of the story in every language."""

    OrderID: str
    UserID: str


@workflow.defn
class OrderWorkflow:
    """Brings one order from the reservation of its items to the warehouse."""

    def __init__(self) -> None:
        self.step = "not started"

    @workflow.run
    async def run(self, order: OrderInput) -> None:
        await self.do("reserving inventory", reserve_inventory, order.OrderID)
        await self.do("charging payment", charge_payment, order.OrderID)
        await self.do("generating invoice", generate_invoice, order.OrderID)
        await self.do("sending confirmation email", send_confirmation_email, order.UserID)
        await self.do("notifying warehouse", notify_warehouse, order.OrderID)
        self.step = "completed"

    @workflow.query
    def status(self) -> str:
        """The step that the order is at."""
        return self.step

    async def do(self, step: str, activity, about: str) -> None:
        self.step = step
        await workflow.execute_activity(
            activity,
            about,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=2),
                backoff_coefficient=2.0,
                maximum_interval=timedelta(seconds=60),
                maximum_attempts=5,
            ),
        )
