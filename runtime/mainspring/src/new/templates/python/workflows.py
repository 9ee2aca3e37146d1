"""The workflow: what has to happen, in order. It runs inside the server."""

from datetime import timedelta

from temporalio import workflow


@workflow.defn
class GreetingWorkflow:
    """Composes a greeting, waits a moment, and gives it back."""

    def __init__(self) -> None:
        self.step = "not started"

    @workflow.run
    async def run(self, name: str) -> str:
        self.step = "composing"
        greeting = await workflow.execute_activity(
            "ComposeGreeting", name, start_to_close_timeout=timedelta(seconds=30)
        )
        self.step = "waiting"
        await workflow.sleep(timedelta(seconds=1))
        self.step = "done"
        return greeting

    @workflow.query
    def status(self) -> str:
        return self.step
