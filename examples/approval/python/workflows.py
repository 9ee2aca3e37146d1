"""The approval story: an order is charged when a person has approved it.

The wait costs nothing, may last for months, and asks no table every minute: the approval
is a signal, and whoever gives it sends it to the run.
"""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError


@dataclass
class ApprovalSignal:
    """What the signal `approval` says. What is left out: not approved, no reason."""

    Approved: bool = False
    Reason: str = ""


@workflow.defn
class ApprovalWorkflow:
    """Charges an order after its approval, or fails with the reason of the refusal."""

    def __init__(self) -> None:
        self.decision: ApprovalSignal | None = None
        self.step = "waiting for approval"

    @workflow.run
    async def run(self, order_id: str) -> None:
        await workflow.wait_condition(lambda: self.decision is not None)
        assert self.decision
        if not self.decision.Approved:
            self.step = "rejected"
            raise ApplicationError(
                "approval rejected", self.decision.Reason, type="ApprovalRejected"
            )
        self.step = "charging payment"
        await workflow.execute_activity(
            "ChargePayment",
            order_id,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=2), maximum_attempts=5
            ),
        )
        self.step = "charged"

    @workflow.signal
    def approval(self, signal: ApprovalSignal) -> None:
        """The first decision holds."""
        self.decision = self.decision or signal

    @workflow.query
    def status(self) -> str:
        """What the run is doing or how it ended."""
        return self.step
