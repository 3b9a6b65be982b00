"""Bytes straight to and from the object storage, by requests that the artifacts service has signed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Self
from urllib.parse import urlsplit

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.http_connections import Connections, Origin, Way, has_bytes
from orris.sdk.splicing import CAN_SPLICE, PIPE_BYTES, Pipe

# Reading and writing more at a time costs less; what is larger than the processor's cache costs more again.
PIECE_BYTES = 1024 * 1024
# Of an answer that says what went wrong.
ANSWER_BYTES = 256 * 1024
# A blob has at most 16 MiB: 300 s are 56 kB/s.
BLOB_SECONDS = 300.0
# Who did not answer is not asked again for so long: to wait for nobody takes seconds each time.
AWAY_SECONDS = 60.0

# Makes what a request carries, once for each attempt.
Body = Callable[[], Iterable[bytes] | None]

_away_until: dict[Origin, float] = {}


class DirectFailed(Exception):
    """The bytes cannot go this way: nobody answers, or not as was promised. The service itself may carry them.

    `status` is that of the answer to a PUT, 0 without one.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StorageAway(DirectFailed):
    """Nobody answers there, and nobody is asked again for a while."""


class DirectStorage:
    """The object storage behind signed requests. May be used from several threads; leaving the block disconnects.

    Redirects are not followed: whatever is no plain success is DirectFailed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._connections = Connections()
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._connections.close()

    def get(self, request: pb.SignedRequest, size: int) -> Iterator[memoryview]:
        """Give the `size` bytes that are asked for, in pieces, each gone when the next one is asked for.

        Raises DirectFailed, also halfway.
        """
        deadline = self._clock() + BLOB_SECONDS
        buffer = memoryview(bytearray(min(size, PIECE_BYTES)))
        with self._content(request, size) as response:
            while left := response.length:
                piece = buffer[:left]
                self._fill(piece, response, deadline)
                response.length = left - len(piece)
                yield piece

    def pour(self, request: pb.SignedRequest, size: int) -> Iterator[Pipe]:
        """Give the `size` bytes that are asked for in a pipe, which must be empty when it is asked for again.

        Only where `can_pour`. Raises DirectFailed, also halfway.
        """
        deadline = self._clock() + BLOB_SECONDS
        with self._content(request, size) as response, Pipe() as pipe:
            # What has come with the headers was read with them.
            ahead = response.fp.read1(len(response.fp.peek()[:size]))
            while left := response.length:
                if ahead:
                    ahead = ahead[pipe.put(ahead) :]
                else:
                    self._fill_pipe(pipe, response.fileno(), min(left, PIPE_BYTES), deadline)
                response.length = left - pipe.held
                yield pipe

    def put(self, request: pb.SignedRequest, size: int, content: Callable[[], Iterable[bytes]]) -> None:
        """Send the `size` bytes that `content` gives, anew each time it is called. Raises DirectFailed."""
        with self._exchange("PUT", request, lambda: _exactly(size, content()), size) as response:
            answer = response.read(ANSWER_BYTES)
            if response.status not in (200, 201, 204):
                raise DirectFailed(f"status {response.status} {_code(answer)}", response.status)

    def _fill(self, piece: memoryview, response: HTTPResponse, deadline: float) -> None:
        """Read as much as there is room for: what `HTTPResponse.readinto` does, but it would not look at the clock."""
        while piece:
            count = response.fp.readinto1(piece)
            if not count:
                raise DirectFailed("not all bytes have come")
            self._check(deadline)
            piece = piece[count:]

    def _fill_pipe(self, pipe: Pipe, source: int, size: int, deadline: float) -> None:
        """Let bytes come, at most `size`: what is there already, since more comes while they are written."""
        while not pipe.held:
            if not has_bytes(source):
                raise TimeoutError
            self._check(deadline)
            with suppress(BlockingIOError):
                if not pipe.fill(source, size):
                    raise DirectFailed("not all bytes have come")

    def _check(self, deadline: float) -> None:
        if self._clock() > deadline:
            raise DirectFailed(f"a blob took longer than {BLOB_SECONDS:g} s")

    @contextmanager
    def _content(self, request: pb.SignedRequest, size: int) -> Iterator[HTTPResponse]:
        with self._exchange("GET", request) as response:
            if response.status not in (200, 206) or response.length != size:
                raise DirectFailed(f"status {response.status}, {response.length} bytes")
            yield response

    @contextmanager
    def _exchange(
        self, method: str, request: pb.SignedRequest, body: Body = lambda: None, size: int | None = None
    ) -> Iterator[HTTPResponse]:
        """Send a request and give the answer; the connection serves again where all of the answer is read."""
        origin = _origin(request)
        if self._clock() < _away_until.get(origin, 0):
            raise StorageAway(f"{origin.host} did not answer a moment ago")
        try:
            connection, response = self._ask(origin, method, request, body, size)
            try:
                yield response
            except BaseException:
                connection.close()
                raise
            self._release(origin, connection, response)
        except TimeoutError as error:
            self._note_away(origin)
            raise StorageAway(f"{origin.host} does not answer") from error
        except (OSError, HTTPException, ValueError) as error:
            raise DirectFailed(f"{origin.host}: {error}") from error

    def _ask(
        self, origin: Origin, method: str, request: pb.SignedRequest, body: Body, size: int | None
    ) -> tuple[HTTPConnection, HTTPResponse]:
        way = self._connections.way_to(origin)
        while connection := self._connections.idle(origin):
            with suppress(ConnectionError, HTTPException):  # closed by the other side meanwhile
                return connection, _send(connection, way, method, request, body(), size)
        try:
            connection = way.connect()
        except OSError as error:
            self._note_away(origin)
            raise StorageAway(f"{origin.host}: {error}") from error
        return connection, _send(connection, way, method, request, body(), size)

    def _release(self, origin: Origin, connection: HTTPConnection, response: HTTPResponse) -> None:
        if response.length == 0 and not response.will_close:
            response.read()  # nothing is left of it; this ends it
            self._connections.keep(origin, connection)
        else:
            connection.close()

    def _note_away(self, origin: Origin) -> None:
        _away_until[origin] = self._clock() + AWAY_SECONDS


def can_pour(request: pb.SignedRequest) -> bool:
    """Tell whether an answer can go past this process: it needs a system that can, and no encryption.

    Raises DirectFailed.
    """
    return CAN_SPLICE and _origin(request).scheme == "http"


def _origin(request: pb.SignedRequest) -> Origin:
    try:
        return Origin.of(urlsplit(request.url))
    except ValueError as error:
        raise DirectFailed(str(error)) from error


def _send(
    connection: HTTPConnection,
    way: Way,
    method: str,
    request: pb.SignedRequest,
    body: Iterable[bytes] | None,
    size: int | None,
) -> HTTPResponse:
    needed = {**way.headers(request.url), **request.headers}
    headers = {name.lower(): value for name, value in needed.items()}
    if size is not None:
        headers["content-length"] = str(size)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: the answer may say why
            connection.request(method, way.target(request.url), body, headers)
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _exactly(size: int, content: Iterable[bytes]) -> Iterator[bytes]:
    """Give all of the content. Raises DirectFailed when it has too few bytes: the other side would wait for them."""
    for piece in content:
        size -= len(piece)
        yield piece
    if size:
        raise DirectFailed(f"{size} bytes are missing: the file has changed")


def _code(answer: bytes) -> str:
    """Return what an S3 server calls an error."""
    found = re.search(rb"<Code>(\w{1,50})</Code>", answer)
    return found[1].decode() if found else ""
