"""The server under test: the real binary over a temporary folder."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = TARGET / "debug" / "mainspring"
TEMPORAL = pathlib.Path(sys.executable).parent / "temporal"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`mainspring dev` as a process, with the kit uploaded."""

    binary = BINARY

    def __init__(self, *flags: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(pathlib.Path(self.folder.name) / "log", "w")
        self.flags = flags
        self.start()
        self.upload()

    def upload(self) -> None:
        """Gives the server the workflows of the tests."""
        environment = {"CARGO_TARGET_DIR": str(TARGET)}
        kit = ROOT / "tests" / "workflows"
        self.run(BINARY, "component", "upload", kit, "--name", "kit", env=environment)

    def start(self) -> None:
        """Starts the process, at first or after `kill`, and waits until it answers."""
        self.process = subprocess.Popen(
            [
                BINARY, "dev",
                "--port", self.address.split(":")[1],
                "--db-filename", pathlib.Path(self.folder.name) / "mainspring.db",
                *self.flags,
            ],
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        deadline = time.monotonic() + 60
        while self.run(BINARY, "namespace", "list", check=False).returncode != 0:
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)

    def run(self, *command, check: bool = True, env: dict | None = None):
        """Runs a program against this server."""
        done = subprocess.run(
            [str(word) for word in command],
            env={**os.environ, "TEMPORAL_ADDRESS": self.address, **(env or {})},
            capture_output=True,
            text=True,
            timeout=900,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def temporal(self, *words, check: bool = True):
        """Runs the official command line against this server."""
        return self.run(TEMPORAL, *words, check=check)

    def kill(self) -> None:
        """Ends the process at once, as a crash does; the database stays."""
        self.process.kill()
        self.process.wait()

    def mainspring(self, *words, check: bool = True):
        """Runs our command line against this server."""
        return self.run(BINARY, *words, check=check)

    def stop(self) -> None:
        self.kill()
        self.log.close()
        self.folder.cleanup()
