"""One server for all tests, a client and a worker for each."""

import pytest_asyncio
import pytest
from server import Server
from temporalio.client import Client
from temporalio.worker import Worker
from worker import do

QUEUE = "kit"


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def client(server):
    return await Client.connect(server.address)


@pytest_asyncio.fixture
async def server_with_short_histories():
    """A client of a server that suggests continuing as new early."""
    server = Server("--suggest-history-events", "50")
    yield await Client.connect(server.address)
    server.stop()


@pytest_asyncio.fixture
async def worker(client):
    async with Worker(client, task_queue=QUEUE, activities=[do]):
        yield
