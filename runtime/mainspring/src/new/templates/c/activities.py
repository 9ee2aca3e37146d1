"""The activities: what touches the world. They run in the worker."""

from temporalio import activity


@activity.defn(name="ComposeGreeting")
async def compose_greeting(name: str) -> str:
    return f"Hello, {name}!"
