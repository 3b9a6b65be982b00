"""Answers of an object storage go from the connection into a file, past this process, over real HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Lock

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk import direct, http_connections
from orris.sdk.direct import DirectFailed, DirectStorage, StorageAway, can_pour
from orris.sdk.place import Place
from tests.fakes.blob_source import sha256
from tests.fakes.download_server import Answer, DownloadServer, Exchange, download_server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB + 5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadServer]:
    monkeypatch.setattr(direct, "_away_until", {})
    with download_server() as running:
        yield running


@pytest.fixture
def storage() -> Iterator[DirectStorage]:
    with DirectStorage() as reader:
        yield reader


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def poured(storage: DirectStorage, request: pb.SignedRequest, size: int, file: int, offset: int = 0) -> bytes:
    """Pour an answer into a file; return what is there."""
    assert can_pour(request)
    place, done = Place(file, offset, Lock()), 0
    for pipe in storage.pour(request, size):
        done += place.drain(pipe, done)
    assert done == size
    return os.pread(file, size + 1, offset)


def at_once(most: int) -> Answer:
    """Let so many bytes come with the headers."""

    def answer(exchange: Exchange, data: bytes) -> None:
        exchange.wfile.write(b"HTTP/1.1 206 Partial\r\nContent-Length: %d\r\n\r\n" % len(data) + data[:most])
        exchange.wfile.write(data[most:])

    return answer


@pytest.mark.parametrize("size", [1, 1000, MIB, len(DATA)])
@pytest.mark.parametrize("most", [0, 1, 5000, 100_000, len(DATA)])
@pytest.mark.parametrize("offset", [0, 4096, 12345])
def test_every_byte_comes_once_however_many_came_with_the_headers(
    server: DownloadServer, storage: DirectStorage, file: int, size: int, most: int, offset: int
) -> None:
    data = DATA[:size]
    server.answer = at_once(most)
    assert poured(storage, server.sign(data, "f"), size, file, offset) == data


def test_a_connection_serves_again(server: DownloadServer, storage: DirectStorage, file: int) -> None:
    for _ in range(3):
        assert poured(storage, server.sign(DATA, "f"), len(DATA), file) == DATA
    assert server.connections == 1


def test_a_connection_that_ends_with_its_answer_is_read_to_the_end(
    server: DownloadServer, storage: DirectStorage, file: int
) -> None:
    server.answer = lambda exchange, data: exchange.say(200, data, Connection="close")
    for _ in range(2):
        assert poured(storage, server.sign(DATA, "f"), len(DATA), file) == DATA
    assert server.connections == 2


@pytest.mark.parametrize("come", [0, 1, 100_000, len(DATA) - 1])
def test_an_answer_that_breaks_off_has_failed(
    server: DownloadServer, storage: DirectStorage, file: int, come: int
) -> None:
    def answer(exchange: Exchange, data: bytes) -> None:
        exchange.say(200, data[:come], Content_Length=str(len(data)))
        exchange.close_connection = True

    server.answer = answer
    with pytest.raises(DirectFailed, match="not all bytes"):
        poured(storage, server.sign(DATA, "f"), len(DATA), file)


@pytest.mark.parametrize("come", [0, 1, 100_000])
def test_who_falls_silent_is_left_alone(
    server: DownloadServer, storage: DirectStorage, file: int, come: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(exchange: Exchange, data: bytes) -> None:
        exchange.say(200, data[:come], Content_Length=str(len(data)))
        server.over.wait()

    monkeypatch.setattr(http_connections, "ANSWER_SECONDS", 0.05)
    server.answer = answer
    with pytest.raises(StorageAway, match="does not answer"):
        poured(storage, server.sign(DATA, "f"), len(DATA), file)


def test_bytes_that_drip_are_not_waited_for(server: DownloadServer, file: int) -> None:
    """Each piece comes in time, but all of them would take for ever."""
    seconds = count(step=100)
    with (
        DirectStorage(lambda: float(next(seconds))) as reader,
        pytest.raises(DirectFailed, match="took longer"),
    ):
        poured(reader, server.sign(bytes(16 * MIB), "f"), 16 * MIB, file)


def test_what_the_disk_says_is_no_failure_of_the_storage(
    server: DownloadServer, storage: DirectStorage, tmp_path: Path
) -> None:
    (tmp_path / "f").touch()
    unwritable = os.open(tmp_path / "f", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            poured(storage, server.sign(DATA, "f"), len(DATA), unwritable)
    finally:
        os.close(unwritable)


def open_pipes() -> int:
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum(link.is_fifo() for link in links)


def test_no_pipe_stays_open(server: DownloadServer, storage: DirectStorage, file: int) -> None:
    before = open_pipes()
    poured(storage, server.sign(DATA, "f"), len(DATA), file)
    with pytest.raises(OSError, match="Bad file"):
        poured(storage, server.sign(DATA, "f"), len(DATA), -1)
    assert open_pipes() == before


def test_an_encrypted_answer_comes_through_this_process() -> None:
    assert not can_pour(pb.SignedRequest(url=f"https://storage.test/{sha256(DATA)}"))
