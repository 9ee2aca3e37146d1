"""Whatever could differ between two runs of the same code: it does not."""

import asyncio
import datetime
import hashlib
import os
import random
import secrets
import time
import uuid
from datetime import timedelta

from temporalio import workflow

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@workflow.defn
class TortureWorkflow:
    """Each step depends on everything that was drawn, hashed and ordered before: a replay
    that differs anywhere asks for another activity."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.pokes = 0
        self.enough = False

    @workflow.run
    async def run(self, rounds: int) -> list[str]:
        while len(self.seen) < rounds or not self.enough:
            self.seen.append(self.draw())
            await asyncio.gather(*(self.step(word) for word in self.words()))
        return self.seen

    def words(self) -> list[str]:
        # A set of strings, in whatever order it has.
        return list({random.choice(_LETTERS) + str(self.pokes) for _ in range(4)})

    async def step(self, word: str) -> None:
        await asyncio.sleep(random.random() / 100)
        name = hashlib.sha256(f"{word}{self.seen[-1]}".encode()).hexdigest()[:8]
        await workflow.execute_activity(
            "echo", name, start_to_close_timeout=timedelta(seconds=10), summary=word
        )

    def draw(self) -> str:
        drawn = [
            time.time(), time.monotonic(), time.perf_counter_ns(),
            datetime.datetime.now().isoformat(), datetime.date.today().isoformat(),
            datetime.datetime.now(datetime.timezone.utc).isoformat(),
            random.random(), random.Random().random(), random.SystemRandom().random(),
            uuid.uuid1().hex, uuid.uuid4().hex, secrets.token_hex(4), os.urandom(4).hex(),
            workflow.random().random(), workflow.uuid4().hex, workflow.time_ns(),
            list({"north", "east", "south", "west"}), hash("north"), list({1.5, "x", (1, "y")}),
        ]
        return hashlib.sha256(repr(drawn).encode()).hexdigest()

    @workflow.signal
    def poke(self) -> None:
        self.pokes += random.randrange(100)

    @workflow.signal
    def stop(self) -> None:
        self.enough = True

    @workflow.query
    def peek(self) -> float:
        # Draws, and must leave no trace.
        return random.random() + workflow.time() + len(uuid.uuid4().hex)

    @workflow.update
    def nudge(self, by: int) -> int:
        self.pokes += by
        return random.randrange(1_000_000)

    @nudge.validator
    def may_nudge(self, by: int) -> None:
        random.random()
        os.urandom(8)
        if by < 0:
            raise ValueError("only forward")


@workflow.defn
class ManyWorkflow:
    """A thousand things at once."""

    @workflow.run
    async def run(self, count: int) -> int:
        async def one(i: int) -> int:
            await asyncio.sleep((i * 7919 % 100) / 1000)
            return i

        return sum(await asyncio.gather(*(one(i) for i in range(count))))
