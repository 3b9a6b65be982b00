"""Programs that are runs: scripts executed by a real interpreter with `orris_agent/inside` on their path."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import orris_agent

INSIDE = Path(orris_agent.__file__).parent / "inside"


@dataclass
class Program:
    """A run's folder and the interpreter that executes its scripts."""

    python: str
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def execute(self, script: str, submitted: bool = True) -> str:
        """Execute a script; return what it printed. It must succeed."""
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(INSIDE), "PYTHONDONTWRITEBYTECODE": "1"}
        if submitted:
            env |= {
                "ORRIS_RUN_FOLDER": str(self.folder),
                "ORRIS_RUN_ID": "iris_1700000000_0123abcd",
                "AZUREML_RUN_ID": "iris_1700000000_0123abcd",
                "ORRIS_WORKSPACE": "lab",
                "ORRIS_EXPERIMENT": "iris",
            }
        done = subprocess.run(
            [self.python, "-c", textwrap.dedent(script)],
            env=env | self.env,
            cwd=self.folder / "work",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def events(self) -> list[dict[str, Any]]:
        """Return the journal's events without their times, which must be there."""
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        assert all(isinstance(event.pop("time"), float) for event in events)
        return events


@pytest.fixture(params=["current", pytest.param("python3.6", marks=pytest.mark.needs("python3.6"))])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    for name in ("work", "files"):
        (tmp_path / name).mkdir()
    python = sys.executable if request.param == "current" else request.getfixturevalue("python36")
    return Program(python, tmp_path)


@pytest.fixture
def answer(program: Program) -> Iterator[Callable[[Callable[[dict[str, Any]], dict[str, Any]]], list[dict[str, Any]]]]:
    """Answer the requests of the run as a given function says; the requests are collected in the returned list."""
    listener = socket.socket(socket.AF_UNIX)
    requests: list[dict[str, Any]] = []
    server: list[threading.Thread] = []

    def start(respond: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, connection.makefile("rwb") as stream:
                    request = json.loads(stream.readline())
                    requests.append(request)
                    reply = respond(request)
                    if reply:
                        stream.write(json.dumps({"id": request["id"], **reply}).encode() + b"\n")

        descriptor = os.open(program.folder, os.O_RDONLY)
        listener.bind(
            f"/proc/self/fd/{descriptor}/run.sock" if sys.platform == "linux" else str(program.folder / "run.sock")
        )
        os.close(descriptor)
        listener.listen()
        server.append(threading.Thread(target=serve, daemon=True))
        server[0].start()
        return requests

    yield start
    if server:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        server[0].join()
    listener.close()
