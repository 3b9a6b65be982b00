"""A scoring script behind the program that serves it, as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orris_agent
from orris_inference.shipping import SCRIPT_SERVER, scoring_files

INSIDE = Path(str(orris_agent.__path__[0])) / "inside"
SECRET = "s"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Scoring:
    """A scoring script that answers."""

    process: subprocess.Popen[bytes]
    address: str
    log_file: Path

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, secret: str = SECRET
    ) -> Answer:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(headers or {}), "Authorization": f"Bearer {secret}"}
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(method, path, content, given)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def score(self, body: Any, **headers: str) -> Answer:
        return self.ask("POST", "/score", body, headers)

    @property
    def log(self) -> str:
        return self.log_file.read_text()


def start(
    folder: Path, files: Mapping[str, str], python: str = sys.executable, **variables: str
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the program with a script's files (the first is the script); return it and its log."""
    for path, data in {**scoring_files(), **{f"app/{name}": text.encode() for name, text in files.items()}}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{INSIDE}:{variables.pop('PYTHONPATH', '')}",
        "PYTHONUNBUFFERED": "1",
        "ORRIS_RUN_FOLDER": str(folder),
        "ORRIS_REPLICA_SECRET": SECRET,
        "AML_APP_ROOT": "app",
        "AZUREML_ENTRY_SCRIPT": next(iter(files)),
        "AZUREML_MODEL_DIR": "./azureml-models",
        **variables,
    }
    log = folder / "log.txt"
    with log.open("wb") as output:
        command = [python, SCRIPT_SERVER]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output), log


@contextmanager
def serving(
    folder: Path, files: Mapping[str, str], python: str = sys.executable, **variables: str
) -> Iterator[Scoring]:
    """Give a script that answers while the block lasts."""
    process, log = start(folder, files, python, **variables)
    try:
        journal, end = folder / "journal.jsonl", time.monotonic() + 30
        while not journal.exists() or not journal.read_text().endswith("\n"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        event = json.loads(journal.read_text())
        assert event["event"] == "address"
        yield Scoring(process, event["value"], log)
    finally:
        process.terminate()
        process.wait()


def failing(folder: Path, files: Mapping[str, str], **variables: str) -> str:
    """Return the log of a script that ends before it answers."""
    process, log = start(folder, files, **variables)
    assert process.wait(30) == 1
    assert not (folder / "journal.jsonl").exists()
    return log.read_text()
