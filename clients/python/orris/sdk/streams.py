"""Streams that outlive a broken connection: logs go on at the next byte, watches are opened again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from orris.errors import DataLoss, Unavailable

# How long a service may be out of reach in the middle of a stream. A restart takes seconds, a reboot about a minute.
PATIENCE_SECONDS = 90.0
# A stream that lasted this long was a good one: patience begins anew.
GOOD_SECONDS = 5.0
PAUSES: tuple[float, ...] = (0.05, 0.2, 0.5, 1.0, 2.0)


class LogChunk(Protocol):
    """A message of ReadRunLog, ReadBuildLog or ReadEndpointLog."""

    @property
    def offset(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def end(self) -> bool: ...


MessageT = TypeVar("MessageT")


class Reopening:
    """Decides whether a broken stream is opened again, and waits before it."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._failures = 0
        self._failing_since: float | None = None
        self._opened = 0.0

    def opened(self) -> None:
        self._opened = time.monotonic()

    def progressed(self) -> None:
        self._failures, self._failing_since = 0, None

    def pause(self, error: Unavailable | None) -> None:
        """Wait a little longer than last time. Raises `error` when patience has run out."""
        now = time.monotonic()
        if self._failing_since is None or now - self._opened > GOOD_SECONDS:
            self._failures, self._failing_since = 0, now
        if now - self._failing_since > self._patience:
            raise error or Unavailable("the stream was interrupted again and again; try again later")
        time.sleep(PAUSES[min(self._failures, len(PAUSES) - 1)])
        self._failures += 1


def read_log(
    read: Callable[[int], Iterable[LogChunk]],
    *,
    offset: int = 0,
    follow: bool = True,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[bytes]:
    """Yield a log's bytes from `offset`: each once, in order, over as many calls of `read(offset)` as it takes.

    With `follow`, only the end marker ends it. Raises DataLoss when the server leaves bytes out, Unavailable when it
    stays out of reach for `patience` seconds.
    """
    again = Reopening(patience)
    while True:
        broken: Unavailable | None = None
        again.opened()
        try:
            for chunk in read(offset):
                again.progressed()
                fresh = _fresh(chunk, offset)
                offset += len(fresh)
                if fresh:
                    yield fresh
                if chunk.end:
                    return
        except Unavailable as error:
            broken = error
        if broken is None and not follow:
            return
        again.pause(broken)


def _fresh(chunk: LogChunk, offset: int) -> bytes:
    """Return what of the chunk has not been seen yet."""
    if chunk.data and chunk.offset > offset:
        raise DataLoss(f"the log lacks bytes {offset} to {chunk.offset}", reason="LOG_GAP")
    return chunk.data[offset - chunk.offset :] if chunk.data else b""


def watch(
    open_stream: Callable[[], Iterable[MessageT]],
    is_last: Callable[[MessageT], bool],
    *,
    patience: float = PATIENCE_SECONDS,
) -> Iterator[MessageT]:
    """Yield a watch's messages up to the last, opening the stream again where it stops before.

    Raises Unavailable when the server stays out of reach for `patience` seconds.
    """
    again = Reopening(patience)
    while True:
        broken: Unavailable | None = None
        again.opened()
        try:
            for message in open_stream():
                again.progressed()
                yield message
                if is_last(message):
                    return
        except Unavailable as error:
            broken = error
        again.pause(broken)
