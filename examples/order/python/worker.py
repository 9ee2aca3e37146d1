"""The activity worker, as it is written for Temporal: it runs unchanged. That it also
registers the workflow does no harm; the server runs the component."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from activities import ALL
from temporalio.client import Client
from temporalio.worker import Worker
from workflows import OrderWorkflow


async def main() -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    with ThreadPoolExecutor(max_workers=10) as executor:
        worker = Worker(
            client,
            task_queue="orders",
            workflows=[OrderWorkflow],
            activities=ALL,
            activity_executor=executor,
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
