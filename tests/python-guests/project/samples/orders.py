"""Business processes: saga, trip booking, updatable timer, subscription, approval, polling."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from samples.activities import book, poll_service, say_hello, undo

ONCE = RetryPolicy(maximum_attempts=1)


@workflow.defn
class SagaWorkflow:
    """Books everything or nothing."""

    @workflow.run
    async def run(self, wanted: list[str]) -> list[str]:
        compensations: list[str] = []
        booked: list[str] = []
        try:
            for what in wanted:
                # Undone even if it is not known whether it was done.
                compensations.append(what)
                booked.append(
                    await workflow.execute_activity(
                        book, what, start_to_close_timeout=timedelta(seconds=10), retry_policy=ONCE
                    )
                )
        except ActivityError as err:
            for what in reversed(compensations):
                await workflow.execute_activity(
                    undo, what, start_to_close_timeout=timedelta(seconds=10)
                )
            raise ApplicationError("trip not booked", type="Compensated") from err
        return booked


@workflow.defn
class UpdatableTimerWorkflow:
    def __init__(self) -> None:
        self.wake_up_time: datetime | None = None
        self.changed = False

    @workflow.run
    async def run(self, seconds: float) -> str:
        self.wake_up_time = workflow.now() + timedelta(seconds=seconds)
        while self.wake_up_time > workflow.now():
            self.changed = False
            try:
                await workflow.wait_condition(
                    lambda: self.changed, timeout=self.wake_up_time - workflow.now()
                )
            except asyncio.TimeoutError:
                break
        return "woken up"

    @workflow.signal
    def update_wake_up_time(self, seconds: float) -> None:
        self.wake_up_time = workflow.now() + timedelta(seconds=seconds)
        self.changed = True

    @workflow.query
    def get_wake_up_time(self) -> float:
        assert self.wake_up_time
        return self.wake_up_time.timestamp()


@dataclass
class Customer:
    id: str
    trial_seconds: float
    charge: float
    tags: list[str] | None = None


@workflow.defn
class SubscriptionWorkflow:
    """A trial, then periods that are charged, until somebody cancels."""

    def __init__(self) -> None:
        self.cancelled = False
        self.charge = 0.0

    @workflow.run
    async def run(self, customer: Customer) -> str:
        self.charge = customer.charge
        try:
            await workflow.wait_condition(lambda: self.cancelled, timeout=customer.trial_seconds)
            return "cancelled in trial"
        except asyncio.TimeoutError:
            pass
        for period in range(3):
            await workflow.execute_activity(
                book, f"charge {self.charge:.2f}", start_to_close_timeout=timedelta(seconds=10)
            )
            await asyncio.sleep(0.02)
        return f"{customer.id} ended at {self.charge:.2f} {customer.tags}"

    @workflow.signal
    def cancel_subscription(self) -> None:
        self.cancelled = True

    @workflow.signal
    def update_charge(self, charge: float) -> None:
        self.charge = charge

    @workflow.query
    def billing_amount(self) -> float:
        return self.charge


@workflow.defn
class ExpenseWorkflow:
    """Waits for a person, for a while."""

    def __init__(self) -> None:
        self.verdict: bool | None = None

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            await workflow.wait_condition(lambda: self.verdict is not None, timeout=seconds)
        except asyncio.TimeoutError:
            return "timed out"
        return "approved" if self.verdict else "rejected"

    @workflow.update
    def decide(self, approve: bool) -> str:
        self.verdict = approve
        return "noted"

    @decide.validator
    def not_twice(self, approve: bool) -> None:
        if self.verdict is not None:
            raise ApplicationError("decided before", type="Decided")


@workflow.defn
class InfrequentPollingWorkflow:
    """The retry policy is the poll."""

    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            poll_service,
            3,
            start_to_close_timeout=timedelta(seconds=2),
            retry_policy=RetryPolicy(
                backoff_coefficient=1, initial_interval=timedelta(milliseconds=20)
            ),
        )


@workflow.defn
class PeriodicPollingWorkflow:
    """A child polls and continues as new; the parent sees one child."""

    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_child_workflow(PollChildWorkflow.run, 0)


@workflow.defn
class PollChildWorkflow:
    @workflow.run
    async def run(self, rounds: int) -> str:
        for _ in range(2):
            rounds += 1
            if rounds >= 5:
                name = await workflow.execute_activity(
                    say_hello, "poll", start_to_close_timeout=timedelta(seconds=5)
                )
                return f"{name} after {rounds} rounds"
            await asyncio.sleep(0.01)
        workflow.continue_as_new(rounds)
