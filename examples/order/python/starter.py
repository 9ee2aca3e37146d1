"""Starts one order and waits for its end."""

import asyncio
import os
import sys

from temporalio.client import Client
from workflows import OrderInput, OrderWorkflow


async def main(order_id: str) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    handle = await client.start_workflow(
        OrderWorkflow.run, OrderInput(order_id, "user-1"), id=order_id, task_queue="orders"
    )
    print(f"started {handle.id}, run {handle.result_run_id}")
    await handle.result()
    print(await handle.query(OrderWorkflow.status))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "order-1"))
