"""Starts a trial of as many seconds as are given, or of a week."""

import asyncio
import os
import sys

from temporalio.client import Client
from workflows import TrialReminderWorkflow


async def main(arguments: list[str]) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    trial: str | dict = "user-456"
    if arguments:
        trial = {"UserID": trial, "TrialSeconds": int(arguments[0])}
    handle = await client.start_workflow(
        TrialReminderWorkflow.run, trial, id="trial-user-456", task_queue="trials"
    )
    print(f"started {handle.id}")
    if arguments:
        await handle.result()
        print("the trial is over")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
