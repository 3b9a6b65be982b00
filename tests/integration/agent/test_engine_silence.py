"""Why an engine does not answer is said, not guessed: the socket is there, and the agent may not use it."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.config import Settings
from orris_agent.identity import offered
from orris_agent.runtimes.docker.engine import NO_SOCKET, Engine
from tests.servers.nobody import as_nobody


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def silence(path: Path) -> str:
    return Engine({"DOCKER_HOST": f"unix://{path}"}).silence()


def listening(path: Path, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\nOK") -> socket.socket:
    """Return a socket that answers everybody in the same way."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def leave(path: Path) -> None:
    """Leave a socket that nobody listens on, as an engine does that was killed."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def refuse_socket(path: Path) -> None:
    path.chmod(0)


def refuse_folder(path: Path) -> None:
    path.parent.chmod(0o700 if os.geteuid() == 0 else 0)


@pytest.mark.parametrize("refuse", [refuse_socket, refuse_folder])
def test_a_socket_that_the_agent_may_not_use_is_said_to_be_that(place: Path, refuse: Callable[[Path], None]) -> None:
    path = place / "docker.sock"
    with closing(listening(path)):
        refuse(path)
        said = as_nobody(lambda: silence(path))
        place.chmod(0o755)
    assert "may not use its socket" in said
    assert "group, docker" in said


def test_an_engine_that_answers_is_not_silent(place: Path) -> None:
    with closing(listening(place / "docker.sock")):
        assert silence(place / "docker.sock") == ""


def test_each_silence_has_its_reason(place: Path) -> None:
    assert silence(place / "docker.sock") == NO_SOCKET
    with closing(listening(place / "sick.sock", b"HTTP/1.1 500 Sick\r\n\r\n")):
        assert "500 Sick" in silence(place / "sick.sock")
    leave(place / "left.sock")
    assert silence(place / "left.sock") == "Connection refused"
    assert Engine({"DOCKER_HOST": "tcp://127.0.0.1:1"}).silence() == "Connection refused"


async def test_the_log_says_why_runs_get_no_containers(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An engine that is not there is no news; one that does not answer as it should is a warning."""
    caplog.set_level(logging.INFO)
    engine = Engine({"DOCKER_HOST": f"unix://{place}/docker.sock"})
    assert await offered(Settings(), engine) == (runs.ISOLATION_WARM, runs.ISOLATION_PROCESS)
    leave(place / "docker.sock")
    assert await offered(Settings(), engine) == (runs.ISOLATION_WARM, runs.ISOLATION_PROCESS)
    absent, refused = caplog.records
    assert (absent.levelno, refused.levelno) == (logging.INFO, logging.WARNING)
    assert "Connection refused" in refused.getMessage() + str(refused.__dict__)
