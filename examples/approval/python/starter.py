"""Starts an order, shows that it waits, and approves it (or not: `--reject`)."""

import asyncio
import os
import sys

from temporalio.client import Client
from workflows import ApprovalSignal, ApprovalWorkflow


async def main(approve: bool) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    handle = await client.start_workflow(
        ApprovalWorkflow.run, "order-123", id="order-123", task_queue="approvals"
    )
    print(await handle.query(ApprovalWorkflow.status))
    reason = "manual approval completed" if approve else "over budget"
    await handle.signal(ApprovalWorkflow.approval, ApprovalSignal(approve, reason))
    await handle.result()
    print(await handle.query(ApprovalWorkflow.status))


if __name__ == "__main__":
    asyncio.run(main("--reject" not in sys.argv))
