"""The activity worker of the approval story, as it is written for Temporal."""

import asyncio
import os

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

CHARGED: list[str] = []


@activity.defn(name="ChargePayment")
async def charge_payment(order_id: str) -> None:
    # A payment provider knows a charge by its key, and makes it once.
    if order_id not in CHARGED:
        CHARGED.append(order_id)
        print(f"charged {order_id}")


async def main() -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    await Worker(client, task_queue="approvals", activities=[charge_payment]).run()


if __name__ == "__main__":
    asyncio.run(main())
