"""The conversions under way: each has a task, also after a restart."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Coroutine
from typing import Any

from orris.errors import NotFound, OrrisError, Retryable
from orris_kit.blocking import run_blocking
from orris_kit.database import DatabaseUnavailable
from orris_kit.logging import get_logger
from orris_models.converting import Converter
from orris_models.core import Models
from orris_models.model import Version

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# Timeouts and stopping neighbours: the same step succeeds later.
TRANSIENT = ("CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAUTHENTICATED", "ABORTED", "UNKNOWN")

log = get_logger(__name__)


class Follower:
    """Follows conversions to their ends, some at a time."""

    def __init__(self, models: Models, converter: Converter, at_a_time: int) -> None:
        self._models = models
        self._converter = converter
        self._places = asyncio.Semaphore(at_a_time)
        self._tasks: set[asyncio.Task[None]] = set()
        self._followed: set[str] = set()

    async def start(self) -> None:
        """Go on where the service stopped: with the conversions that have no verdict."""
        for version in await run_blocking(self._models.unfinished):
            self.follow(version)

    def follow(self, version: Version) -> None:
        """Bring a version's conversion to its end in the background, once."""
        if version.conversion.state.final or version.name in self._followed:
            return
        self._followed.add(version.name)
        self._spawn(self._follow(version))

    async def stop(self) -> None:
        """Stop following; what is under way is followed again after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, version: Version) -> None:
        pause = FIRST_PAUSE
        try:
            while not await self._bring_on(version):
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._followed.discard(version.name)

    async def _bring_on(self, version: Version) -> bool:
        """Do what can be done now; return whether the conversion has ended."""
        try:
            async with self._places:
                # As it stands now: an earlier attempt may have recorded its run.
                known = await run_blocking(self._models.get, version.workspace, version.model, version.number)
                if not known.conversion.state.final:
                    await self._converter.convert(known)
            return True
        except OrrisError as error:
            if isinstance(error, Retryable) or error.code in TRANSIENT:
                log.info("a conversion waits", version=version.name, reason=error.message)
                return False
            return await self._end(version, error.message)
        except Exception:
            log.exception("a conversion failed", version=version.name)
            return await self._end(version, "an internal error; the log of the models service has more")

    async def _end(self, version: Version, reason: str) -> bool:
        """Give a conversion up; return whether that is recorded."""
        try:
            known = await run_blocking(self._models.get, version.workspace, version.model, version.number)
            await self._converter.give_up(known, reason)
        except NotFound:  # deleted meanwhile
            return True
        except DatabaseUnavailable:
            return False
        return True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # With a context of its own: the deadline of the call that caused it is not for this.
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
