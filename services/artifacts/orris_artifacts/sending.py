"""Give clients what they ask for, bounded in time: streams have no deadline of their own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Self

from orris.errors import DeadlineExceeded
from orris_artifacts.reading import Reading
from orris_kit.blocking import run_blocking

# Pieces that are read at once: to go to another thread for each takes longer than to read it.
_AT_ONCE = 2


class Giving:
    """One of the slots, and a blob that a client takes piece by piece.

    Whoever has not taken all of it in time loses both, also while gRPC waits for that client and this call with it:
    it is told so when it goes on.
    """

    def __init__(self, slots: asyncio.Semaphore, seconds: float, begin: Callable[[], Reading]) -> None:
        self._slots = slots
        self._seconds = seconds
        self._steps = _Steps(begin)
        self._pieces: deque[bytes] = deque()
        self._late: asyncio.Task[None] | None = None
        self._limit: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        self._limit = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._limit is not None:
            self._limit.cancel()
        try:
            await run_blocking(self._steps.close)
        finally:
            if self._late is None:
                self._slots.release()

    async def next(self) -> bytes | None:
        """Return the next piece, None at the end. Raises DeadlineExceeded, and as the reading does."""
        if not self._pieces and not self._late:
            self._pieces += await run_blocking(self._steps.next)
        if self._late:
            raise DeadlineExceeded(f"the stream had not ended after {self._seconds:g} s; read faster")
        return self._pieces.popleft() if self._pieces else None

    def _end(self) -> None:
        self._pieces.clear()
        self._late = asyncio.ensure_future(run_blocking(self._steps.close))
        self._slots.release()


class _Steps:
    """A reading whose steps, in whatever thread, come one after the other; after its end there are none."""

    def __init__(self, begin: Callable[[], Reading]) -> None:
        self._begin = begin
        self._reading: Reading | None = None
        self._closed = False
        self._at_work = threading.Lock()

    def next(self) -> list[bytes]:
        """Return the next pieces, none at the end."""
        with self._at_work:
            if self._closed:
                return []
            if self._reading is None:
                self._reading = self._begin()
            return list(islice(self._reading, _AT_ONCE))

    def close(self) -> None:
        with self._at_work:
            self._closed = True
            if self._reading is not None:
                self._reading.close()
