"""What workflows must not do, and people do all the same."""

import importlib
import os
import random
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request

from temporalio import workflow


@workflow.defn
class MistakeWorkflow:
    @workflow.run
    async def run(self, what: str) -> None:
        getattr(self, what)()

    def sleep(self) -> None:
        time.sleep(1)

    def file(self) -> None:
        open("/etc/hostname").read()

    def folder(self) -> None:
        os.listdir(".")

    def network(self) -> None:
        urllib.request.urlopen("http://example.com")

    def connect(self) -> None:
        socket.create_connection(("example.com", 80))

    def thread(self) -> None:
        threading.Thread(target=print).start()

    def program(self) -> None:
        subprocess.run(["ls"])

    def late_import(self) -> None:
        importlib.import_module("wave")

    def database(self) -> None:
        sqlite3.connect("shop.db")

    def wait(self) -> None:
        threading.Event().wait()

    def bug(self) -> None:
        {}["missing"]

    def loop(self) -> None:
        while True:
            random.random()

    def deep(self) -> None:
        self.deep()

    def memory(self) -> None:
        bytearray(200_000_000)
