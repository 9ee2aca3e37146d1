"""Signals, queries and updates, as the documentation's message passing introduction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from samples.activities import say_hello


@workflow.defn
class SignalWorkflow:
    def __init__(self) -> None:
        self._pending: asyncio.Queue[str] = asyncio.Queue()
        self._exit = False

    @workflow.run
    async def run(self) -> list[str]:
        greetings: list[str] = []
        while True:
            await workflow.wait_condition(lambda: not self._pending.empty() or self._exit)
            while not self._pending.empty():
                greetings.append(f"Hello, {self._pending.get_nowait()}")
            if self._exit:
                return greetings

    @workflow.signal
    async def submit_greeting(self, name: str) -> None:
        await self._pending.put(name)

    @workflow.signal
    def exit(self) -> None:
        self._exit = True


class Language(IntEnum):
    CHINESE = 1
    ENGLISH = 2
    FRENCH = 3


@dataclass
class GetLanguagesInput:
    include_unsupported: bool


@dataclass
class ApproveInput:
    name: str


@workflow.defn
class MessagesWorkflow:
    def __init__(self) -> None:
        self.approved_for_release = False
        self.approver_name: str | None = None
        self.greetings = {Language.CHINESE: "你好，世界", Language.ENGLISH: "Hello, world"}
        self.language = Language.ENGLISH
        self.lock = asyncio.Lock()

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(
            lambda: self.approved_for_release and workflow.all_handlers_finished()
        )
        return self.greetings[self.language]

    @workflow.query
    def get_languages(self, input: GetLanguagesInput) -> list[Language]:
        if input.include_unsupported:
            return sorted(Language)
        return sorted(self.greetings)

    @workflow.query
    def get_language(self) -> Language:
        return self.language

    @workflow.signal
    def approve(self, input: ApproveInput) -> None:
        self.approved_for_release = True
        self.approver_name = input.name

    @workflow.update
    def set_language(self, language: Language) -> Language:
        previous_language, self.language = self.language, language
        return previous_language

    @set_language.validator
    def validate_language(self, language: Language) -> None:
        if language not in self.greetings:
            raise ValueError(f"{language.name} is not supported")

    @workflow.update
    async def set_language_using_activity(self, language: Language) -> Language:
        if language not in self.greetings:
            async with self.lock:
                greeting = await workflow.execute_activity(
                    say_hello, language.name, start_to_close_timeout=timedelta(seconds=10)
                )
                if language == Language.CHINESE:
                    raise ApplicationError(f"no greeting in {language.name}")
                self.greetings[language] = greeting
        previous_language, self.language = self.language, language
        return previous_language


@workflow.defn
class ClusterManagerWorkflow:
    """Safe message handlers: one lock, handlers that wait, and a state that is queried."""

    @workflow.init
    def __init__(self, nodes: int) -> None:
        self.nodes: dict[str, str | None] = {str(i): None for i in range(nodes)}
        self.nodes_lock = asyncio.Lock()
        self.started = False
        self.shut_down = False

    @workflow.run
    async def run(self, nodes: int) -> int:
        await workflow.wait_condition(lambda: self.started)
        await workflow.wait_condition(lambda: self.shut_down)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return sum(job is not None for job in self.nodes.values())

    @workflow.signal
    def start_cluster(self) -> None:
        self.started = True

    @workflow.signal
    def shutdown_cluster(self) -> None:
        self.shut_down = True

    @workflow.update
    async def assign_nodes_to_job(self, job: str, count: int) -> list[str]:
        await workflow.wait_condition(lambda: self.started)
        if self.shut_down:
            raise ApplicationError("Cannot assign nodes to a job: Cluster is already shut down")
        async with self.nodes_lock:
            free = [node for node, held in self.nodes.items() if held is None]
            if len(free) < count:
                raise ApplicationError(f"Cannot assign {count} nodes; have only {len(free)}")
            await asyncio.sleep(0.01)
            for node in free[:count]:
                self.nodes[node] = job
        return free[:count]

    @assign_nodes_to_job.validator
    def validate_assignment(self, job: str, count: int) -> None:
        if count <= 0:
            raise ValueError("at least one node must be asked for")

    @workflow.query
    def get_jobs(self) -> list[str]:
        return sorted({job for job in self.nodes.values() if job})


@workflow.defn
class DynamicHandlersWorkflow:
    """Handlers for whatever comes, and handlers that are added on the way."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.stopped = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.stopped)
        return self.heard

    @workflow.signal(dynamic=True)
    def on_signal(self, name: str, args: Sequence[RawValue]) -> None:
        if name == "stop":
            self.stopped = True
        elif name == "late":
            workflow.set_query_handler("late_query", lambda: "late answer")
            self.heard.append("late")
        else:
            values = [workflow.payload_converter().from_payload(arg.payload) for arg in args]
            self.heard.append(f"{name}{values}")

    @workflow.query(dynamic=True)
    def on_query(self, name: str, args: Sequence[RawValue]) -> str:
        return f"{name}: {len(self.heard)}"

    @workflow.update(dynamic=True)
    def on_update(self, name: str, args: Sequence[RawValue]) -> str:
        self.heard.append(name)
        return f"updated by {name}"


@workflow.defn
class EarlyReturnWorkflow:
    """Update-with-start: the caller hears early, the work goes on."""

    def __init__(self) -> None:
        self.confirmed = False

    @workflow.run
    async def run(self, amount: int) -> str:
        await workflow.execute_activity(
            say_hello, "bank", start_to_close_timeout=timedelta(seconds=10)
        )
        self.confirmed = True
        await asyncio.sleep(0.05)
        return f"{amount} transferred"

    @workflow.update
    async def confirmation(self) -> str:
        await workflow.wait_condition(lambda: self.confirmed)
        return "confirmed"
