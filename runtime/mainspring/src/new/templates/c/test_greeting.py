"""The activity by itself, and the whole story on a server of its own."""

import os
import socket
import subprocess
import time
import uuid

import pytest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities import compose_greeting
from worker import TASK_QUEUE

MAINSPRING = os.environ.get("MAINSPRING", "mainspring")
HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.asyncio
async def test_the_activity_greets() -> None:
    assert await ActivityEnvironment().run(compose_greeting, "you") == "Hello, you!"


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([MAINSPRING, "dev", "--port", str(port)])
    address = f"127.0.0.1:{port}"
    upload = [MAINSPRING, "component", "upload", HERE, "--language", "c", "--address", address]
    try:
        for _ in range(50):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        subprocess.run(upload, check=True)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.mark.asyncio
async def test_the_workflow_greets(address: str) -> None:
    client = await Client.connect(address)
    async with Worker(client, task_queue=TASK_QUEUE, activities=[compose_greeting]):
        greeting = await client.execute_workflow(
            "GreetingWorkflow", "you", id=f"test-{uuid.uuid4()}", task_queue=TASK_QUEUE
        )
    assert greeting == "Hello, you!"
