"""Starts one workflow and waits for its result."""

import asyncio
import os
import sys
import uuid

from temporalio.client import Client

from worker import TASK_QUEUE
from workflows import GreetingWorkflow


async def main(name: str) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    greeting = await client.execute_workflow(
        GreetingWorkflow.run, name, id=f"greeting-{uuid.uuid4()}", task_queue=TASK_QUEUE
    )
    print(greeting)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "world"))
