"""How many programs are executed at a time: a run that was leased before there is a place for it waits here."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf


class Places:
    """So many places for programs."""

    def __init__(self, count: float) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    def occupy(self) -> None:
        """Take a place, be there one or not: the program is there already."""
        self._free -= 1

    async def take(self, seconds: float) -> bool:
        """Take a place as soon as there is one; return False where there is none for so long."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return True
        given: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await asyncio.wait((given,), timeout=seconds)
            return given.done()
        except BaseException:
            if given.done():
                self.leave()
            raise
        finally:
            if not given.done():
                self._waiting.remove(given)

    def leave(self) -> None:
        """Give a place back."""
        self._free += 1
        while self._free > 0 and self._waiting:
            self._free -= 1
            self._waiting.popleft().set_result(None)


class Place:
    """The place of one program, which is given back once."""

    def __init__(self, places: Places | None = None) -> None:
        """Without `places` there is always one."""
        self._places = places or Places(inf)
        self._taken = False

    def occupy(self) -> None:
        """Take it for a program that is there already."""
        self._places.occupy()
        self._taken = True

    async def take(self, seconds: float) -> bool:
        """Take it as soon as there is one; return False where there is none for so long."""
        self._taken = await self._places.take(seconds)
        return self._taken

    def leave(self) -> None:
        """Give it back, if it was taken and has not been given back."""
        if self._taken:
            self._taken = False
            self._places.leave()
