"""A pipe between a connection and a file."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.sdk.splicing import PIPE_BYTES, Pipe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such pipes")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as opened:
        yield opened


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


@pytest.mark.parametrize("flags", [0, os.O_APPEND], ids=["spliced", "a file that refuses it"])
def test_what_comes_is_written(
    pipe: Pipe, ends: tuple[socket.socket, socket.socket], tmp_path: Path, flags: int
) -> None:
    ours, theirs = ends
    (tmp_path / "f").write_bytes(b"before ")
    target = os.open(tmp_path / "f", os.O_WRONLY | flags)
    theirs.sendall(b"connection")
    assert pipe.put(b"a ") == 2
    assert pipe.fill(ours.fileno(), 7) == 7
    assert pipe.held == 9
    assert pipe.empty(target, 7) == 9
    assert pipe.held == 0
    os.close(target)
    assert (tmp_path / "f").read_bytes() == b"before a connect"


def test_nothing_waits_for_bytes_or_for_room(pipe: Pipe, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    with pytest.raises(BlockingIOError):
        pipe.fill(ours.fileno(), 1)
    taken = pipe.put(bytes(2 * PIPE_BYTES))
    assert 0 < taken == pipe.held <= PIPE_BYTES
    theirs.sendall(b"x")
    with pytest.raises(BlockingIOError):
        pipe.fill(ours.fileno(), 1)


def test_the_end_is_told(pipe: Pipe, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.close()
    assert pipe.fill(ours.fileno(), 1) == 0
