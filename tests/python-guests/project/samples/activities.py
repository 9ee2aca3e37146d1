"""The activities of the samples. A file of a worker: none of this runs in a workflow."""

import asyncio
from dataclasses import dataclass
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError


@dataclass
class ComposeGreetingInput:
    greeting: str
    name: str


@activity.defn
async def compose_greeting(input: ComposeGreetingInput) -> str:
    return f"{input.greeting}, {input.name}!"


@activity.defn
async def say_hello(name: str) -> str:
    return f"Hello, {name}!"


@activity.defn
async def flaky(until: int) -> int:
    attempt = activity.info().attempt
    if attempt < until:
        raise RuntimeError(f"attempt {attempt} fails")
    return attempt


@activity.defn
async def fail_for_good(name: str) -> str:
    raise ApplicationError(
        f"{name} cannot be had", {"name": name}, type="OutOfStock", non_retryable=True
    )


@activity.defn
async def wait_for_ever() -> str:
    try:
        while True:
            activity.heartbeat("still there")
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        # Cleaned up.
        raise


BOOKED: list[str] = []


@activity.defn
async def book(what: str) -> str:
    if what == "flight to nowhere":
        raise ApplicationError("no such flight", type="NoFlight", non_retryable=True)
    BOOKED.append(f"book {what}")
    return f"{what} booked"


@activity.defn
async def undo(what: str) -> str:
    BOOKED.append(f"undo {what}")
    return f"{what} undone"


@activity.defn
async def double(number: int) -> int:
    # Later numbers are done sooner.
    await asyncio.sleep(max(0, 5 - number) * 0.02)
    return number * 2


@activity.defn
async def poll_service(times: int) -> str:
    if activity.info().attempt < times:
        raise ApplicationError("not ready")
    return "ready"


@activity.defn(name="echo")
async def echo(value: Any) -> Any:
    return value


ALL = [
    compose_greeting, say_hello, flaky, fail_for_good, wait_for_ever, book, undo, double,
    poll_service, echo,
]
