"""Answers that come too slowly are given up: limited piece by piece, a storage that drips holds a thread for days.

An answer may take `Patience.answer` to begin, and then comes at SLOWEST or faster on the average. So one of 16 MiB, the
largest, is there within five minutes, or is not waited for.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

# Bytes a second.
SLOWEST = 64 * 1024


class PacedReads(io.RawIOBase):
    """Reads what comes from a connection. Raises TimeoutError when that falls `patience` seconds behind SLOWEST."""

    def __init__(self, raw: io.RawIOBase, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._raw = raw
        self._clock = clock
        self._end = clock() + patience

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what has come; wait for the next bytes where nothing has."""
        if self._clock() > self._end:
            raise TimeoutError(f"less than {SLOWEST} bytes a second")
        count = self._raw.readinto(buffer)
        self._end += (count or 0) / SLOWEST
        return count

    def close(self) -> None:
        """Close the connection's side of it."""
        super().close()
        self._raw.close()


class _PacedSocket:
    """What `http.client` asks a socket for when it reads an answer."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected

    def makefile(self, mode: str) -> io.BufferedReader:
        raw = self._connected.makefile(mode, buffering=0)  # type: ignore[call-overload]  # "rb", always
        patience = self._connected.gettimeout()
        return io.BufferedReader(PacedReads(raw, float("inf") if patience is None else patience))


class _PacedAnswer(http.client.HTTPResponse):
    def __init__(self, connected: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_PacedSocket(connected), *args, **kwargs)  # type: ignore[arg-type]  # all that it uses of it


class _PlainConnection(HTTPConnection):
    response_class = _PacedAnswer


class _SecureConnection(HTTPSConnection):
    response_class = _PacedAnswer


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


PACED_POOLS = {"http": _PlainPool, "https": _SecurePool}
