"""Does what the workflow asks for: an ordinary activity worker."""

import asyncio
import os

from temporalio.client import Client
from temporalio.worker import Worker

from activities import compose_greeting

TASK_QUEUE = "{{name}}"


async def main() -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    await Worker(client, task_queue=TASK_QUEUE, activities=[compose_greeting]).run()


if __name__ == "__main__":
    asyncio.run(main())
