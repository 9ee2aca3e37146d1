"""The samples, built as a user builds them, on real servers.

One component holds all samples. Tests run on a server that drops a run's code after every
activation, so each of them is a replay test too; `kept` is a server that does not.
SAMPLES_COMPONENT names a component that was built before, to save the minute.
"""

import os
import pathlib
import sys

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.worker import Worker

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE / "project"
sys.path[:0] = [str(HERE.parent / "python"), str(PROJECT)]

from samples.activities import ALL
from server import BINARY, TARGET, Server

QUEUE = "samples"
# The tools and packages that builds need are kept beside what Cargo makes.
TOOLS = TARGET / "guest-tools"
# A busy machine compiles slowly; how fast is not what is tested here.
PATIENCE = ("--compile-time", "600s")


def build(server_or_none, folder: pathlib.Path, out: pathlib.Path, *flags):
    """Runs `mainspring component build`."""
    runner = server_or_none or _Tool()
    return runner.run(
        BINARY, "component", "build", folder, "--tool-cache", TOOLS, "--out-file", out, *flags,
        check=False,
    )


class _Tool(Server):
    """The command line without a server."""

    def __init__(self) -> None:
        self.address = "127.0.0.1:1"


class GuestServer(Server):
    """A server that runs the samples."""

    component: pathlib.Path

    def __init__(self, component: pathlib.Path, *flags: str) -> None:
        self.component = component
        super().__init__(*PATIENCE, "--log-level", "info", *flags)

    def upload(self) -> None:
        self.run(BINARY, "component", "upload", self.component, "--name", "samples")
        for name, kind in (("Colour", "keyword"), ("Count", "int")):
            self.mainspring("search-attribute", "create", "--name", name, "--type", kind)

    def logged(self) -> str:
        """What the server has logged so far."""
        return (pathlib.Path(self.folder.name) / "log").read_text(errors="replace")


@pytest.fixture(scope="session")
def component(tmp_path_factory) -> pathlib.Path:
    if built_before := os.environ.get("SAMPLES_COMPONENT"):
        return pathlib.Path(built_before)
    out = tmp_path_factory.mktemp("component") / "samples.wasm"
    built = build(None, PROJECT, out)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.fixture(scope="session")
def evicting(component):
    server = GuestServer(component, "--evict-after-each-activation")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keeping(component):
    server = GuestServer(component)
    yield server
    server.stop()


@pytest_asyncio.fixture
async def client(evicting):
    """A client of the server that drops code after every activation, and a worker."""
    client = await Client.connect(evicting.address)
    async with Worker(client, task_queue=QUEUE, activities=ALL):
        yield client


@pytest_asyncio.fixture
async def kept(keeping):
    """The same, on a server that keeps code in memory."""
    client = await Client.connect(keeping.address)
    async with Worker(client, task_queue=QUEUE, activities=ALL):
        yield client
