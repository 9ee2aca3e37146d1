"""The two mails, as activities on the official SDK."""

import asyncio
import os

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

# A mail is known by its kind and its user and goes out once, however often it is tried.
OUTBOX: dict[tuple[str, str], None] = {}


def send(kind: str, user_id: str) -> None:
    if (kind, user_id) not in OUTBOX:
        OUTBOX[kind, user_id] = None
        print(f"{kind} mail to {user_id}")


@activity.defn(name="SendWelcomeEmail")
async def send_welcome_email(user_id: str) -> None:
    send("welcome", user_id)


@activity.defn(name="SendTrialEndingEmail")
async def send_trial_ending_email(user_id: str) -> None:
    send("trial ending", user_id)


async def main() -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    activities = [send_welcome_email, send_trial_ending_email]
    await Worker(client, task_queue="trials", activities=activities).run()


if __name__ == "__main__":
    asyncio.run(main())
