"""What several ask for at the same time, done in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, OrrisError

T = TypeVar("T")
MOST = 256
# What may be true of one alone: the others are tried by themselves.
_OF_ONE = (FailedPrecondition, InvalidArgument, NotFound)


class Gathering(Generic[T]):
    """Calls `act` with what has come while it was at work. What is done twice must be as if it were done once."""

    def __init__(self, act: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._act = act
        self._coming: dict[asyncio.Future[None], T] = {}
        self._turn = asyncio.Lock()

    async def do(self, wanted: T) -> None:
        """Return once it is done. Raises what `act` raises of it, or of all that came together."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._coming[mine] = wanted
        try:
            async with self._turn:
                while not mine.done():
                    await self._do_next()
            mine.result()
        finally:
            self._coming.pop(mine, None)

    async def _do_next(self) -> None:
        batch = dict(list(self._coming.items())[:MOST])
        try:
            await self._act(list(batch.values()))
        except OrrisError as error:
            if len(batch) > 1 and isinstance(error, _OF_ONE):
                for each, wanted in batch.items():
                    await self._do_alone(each, wanted)
            else:
                self._settle(batch, error)
        else:
            self._settle(batch)

    async def _do_alone(self, its: asyncio.Future[None], wanted: T) -> None:
        try:
            await self._act([wanted])
        except OrrisError as error:
            self._settle([its], error)
        else:
            self._settle([its])

    def _settle(self, those: Iterable[asyncio.Future[None]], error: OrrisError | None = None) -> None:
        for each in those:
            # Whoever has gone meanwhile took theirs along.
            if self._coming.pop(each, None) is None:
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)
