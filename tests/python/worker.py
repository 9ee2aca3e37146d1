"""The activity `Do`, on the official SDK: it does what its input says."""

import asyncio
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

TOKENS: dict[str, bytes] = {}
"""Task tokens of activities that are completed from outside, by workflow ID."""


@activity.defn(name="Do")
async def do(call: dict):
    info = activity.info()
    match call["do"]:
        case "echo":
            return call.get("value")
        case "echo a large value":
            return "x" * call["bytes"]
        case "fail until":
            if info.attempt < call["attempt"]:
                raise ApplicationError(f"attempt {info.attempt} fails", type="Flaky")
            return info.attempt
        case "fail":
            raise ApplicationError(
                "declined", "a detail", type="Declined",
                non_retryable=call.get("non_retryable", False),
            )
        case "ask for a delay":
            if info.attempt == 1:
                delay = timedelta(milliseconds=call["delay_ms"])
                raise ApplicationError("later", next_retry_delay=delay)
            return info.attempt
        case "sleep":
            await asyncio.sleep(call["ms"] / 1000)
            return "slept"
        case "heartbeat then fail":
            if info.attempt == 1:
                activity.heartbeat(call["progress"])
                raise ApplicationError("half way")
            return list(info.heartbeat_details)
        case "heartbeat for ever":
            while True:
                activity.heartbeat("alive")
                await asyncio.sleep(0.05)
        case "complete elsewhere":
            TOKENS[info.workflow_id] = info.task_token
            activity.raise_complete_async()
        case "clean up":
            return "cleaned"
        case other:
            raise ApplicationError(f"cannot {other}", non_retryable=True)
