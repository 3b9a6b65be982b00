"""What versions keep at the artifacts and at the images: as long as they are there, and no longer.

What may be kept without need is noted before it is: for a number that is reserved, a graph that is not recorded yet, a
version that is deleted. What is noted is put right, if need be after the next start.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orris.errors import FailedPrecondition, OrrisError
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger
from orris_models.core import Models, Needs, needs_of
from orris_models.model import Draft, Version
from orris_models.ports import Artifacts, Images

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
AT_A_TIME = 4

log = get_logger(__name__)
Key = tuple[str, str, int]


class Keeping:
    """The references of versions, changed one at a time for each."""

    def __init__(self, models: Models, artifacts: Artifacts, images: Images) -> None:
        self._models = models
        self._artifacts = artifacts
        self._images = images
        self._turns: weakref.WeakValueDictionary[Key, asyncio.Lock] = weakref.WeakValueDictionary()
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Put right what was noted before, in the background."""
        for key in await run_blocking(self._models.loose_references):
            self._keep_at(key)

    async def stop(self) -> None:
        """Stop what goes on in the background; it is done after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def keep(self, key: Key, draft: Draft) -> None:
        """Have kept what a version needs whose number is reserved. Raises FailedPrecondition (TARGET_MISSING)."""
        await self._set(key, needs_of(draft))

    @asynccontextmanager
    async def with_graph(self, version: Version, tree: str) -> AsyncIterator[None]:
        """Have a graph's tree kept as well, which the block records; nothing for a version that was deleted."""
        key = (version.workspace, version.model, version.number)
        try:
            async with self._turn(key):
                if await run_blocking(self._models.loosen, *key):
                    await self._artifacts.set_reference(key[0], _owner(key), needs_of(version.content, tree).trees)
                yield
        except OrrisError:
            self._keep_at(key)
            raise

    async def let_go(self, key: Key) -> None:
        """Have only that kept which a noted version needs: now, else in the background as soon as that is possible.

        Only for who knows that nobody is about to commit the version.
        """
        if not await self.put_right(key):
            self._keep_at(key)

    async def put_right(self, key: Key) -> bool:
        """Have only that kept which a version needs, if it was noted; return False where that must be tried again."""
        try:
            async with self._turn(key):
                if (needed := await run_blocking(self._models.loosely_needed, *key)) is None:
                    return True
                await self._set(key, needed)
                await run_blocking(self._models.settle, *key)
        except OrrisError as error:
            log.warning("what a version does not need cannot be released now", version=_owner(key), why=error.message)
            return False
        return True

    def _keep_at(self, key: Key) -> None:
        # With a context of its own: the deadline of the call that caused it is not for this.
        task = asyncio.create_task(self._put_right_at_last(key), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _put_right_at_last(self, key: Key) -> None:
        pause = FIRST_PAUSE
        while True:
            async with self._places:
                if await self.put_right(key):
                    return
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _set(self, key: Key, needed: Needs) -> None:
        """Have kept what is needed, and nothing else. Raises FailedPrecondition for a tree that is not there."""
        if needed.trees:
            await self._artifacts.set_reference(key[0], _owner(key), needed.trees)
        else:
            await self._artifacts.delete_reference(key[0], _owner(key))
        try:
            await self._images.set_reference(key[0], _owner(key), needed.images)
        except FailedPrecondition as error:  # the image was deleted: the files are a model all the same
            log.warning("a version's image is not there any more", version=_owner(key), why=error.message)
            await self._images.delete_reference(key[0], _owner(key))

    def _turn(self, key: Key) -> asyncio.Lock:
        return self._turns.setdefault(key, asyncio.Lock())


def _owner(key: Key) -> str:
    workspace, model, number = key
    return f"workspaces/{workspace}/models/{model}/versions/{number}"
