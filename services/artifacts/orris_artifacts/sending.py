"""Give clients what they ask for, bounded in time: streams have no deadline of their own."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self

from orris.errors import DeadlineExceeded


class Giving:
    """One of the slots, and the pieces that a client takes one by one.

    Whoever has not taken all of them in time loses both, also while gRPC waits for that client and this call with it:
    it is told so when it goes on.
    """

    def __init__(self, slots: asyncio.Semaphore, seconds: float) -> None:
        self._slots = slots
        self._seconds = seconds
        self._late = False
        self._limit: asyncio.TimerHandle | None = None
        self.pieces: deque[bytes] = deque()

    async def __aenter__(self) -> Self:
        await self._slots.acquire()
        self._limit = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if not self._late:
            self._slots.release()

    def next(self) -> bytes | None:
        """Return the next piece, None at the end. Raises DeadlineExceeded."""
        if self._late:
            raise DeadlineExceeded(f"the stream had not ended after {self._seconds:g} s; read faster")
        return self.pieces.popleft() if self.pieces else None

    def _end(self) -> None:
        self._late = True
        self.pieces.clear()
        self._slots.release()
