"""What goes on beside the calls: builds are followed, logs archived, deleted runs removed, silent agents noticed."""

import asyncio
from collections.abc import Awaitable, Callable

from orris.errors import NotFound, OrrisError
from orris_kit.blocking import run_blocking
from orris_kit.database import DatabaseUnavailable
from orris_kit.logging import get_logger
from orris_runs.archive import Segment
from orris_runs.artifacts_client import Artifacts
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.references import References
from orris_runs.store import ARCHIVE_CHANGED, PREPARING_CHANGED, REMOVALS_CHANGED, RETRIES_CHANGED

log = get_logger(__name__)
RETRY_SECONDS = 1.0


class BuildFollower:
    """Follows each build that runs wait for; after a start, those that they waited for before."""

    def __init__(self, core: Core, images: Images, retry_seconds: float = RETRY_SECONDS) -> None:
        self._core = core
        self._images = images
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Go on until canceled."""
        following: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group, self._core.store.changes.watch(PREPARING_CHANGED) as waiter:
            while True:
                following = {build: task for build, task in following.items() if not task.done()}
                for build in await run_blocking(self._core.preparation.builds):
                    if build not in following:
                        following[build] = group.create_task(self._follow(build))
                # A run may have begun to wait for a build just as its follower finished.
                await waiter.wait(timeout=self._retry_seconds if following else None)

    async def _follow(self, build: str) -> None:
        while not await self._follow_once(build):  # noqa: ASYNC110  # the pause before another service is asked again
            await asyncio.sleep(self._retry_seconds)

    async def _follow_once(self, build: str) -> bool:
        """Return whether the build has ended and the runs know."""
        preparation = self._core.preparation
        try:
            offset = await run_blocking(preparation.log_size, build)
            async for at, data in self._images.read_log(build, offset):
                if data:
                    await run_blocking(preparation.append_log, build, at, data)
            result = await self._images.result(build)
        except NotFound:
            await run_blocking(preparation.failed, build, "its build is not known any more; submit the run again")
            return True
        except OrrisError as error:
            log.warning("a build cannot be followed now", build=build, code=error.code)
            return False
        if result is None:
            return False
        if result.image:
            await run_blocking(preparation.succeeded, build, result.image, result.warnings, contained=result.contained)
        else:
            await run_blocking(preparation.failed, build, result.error)
        return True


class Archivist:
    """Moves logs to the artifacts, segment by segment: it holds one in memory."""

    def __init__(
        self, core: Core, artifacts: Artifacts, references: References, retry_seconds: float = RETRY_SECONDS
    ) -> None:
        self._core = core
        self._artifacts = artifacts
        self._references = references
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Go on until canceled."""
        async with self._core.store.changes.watch(ARCHIVE_CHANGED) as waiter:
            while True:
                all_moved = await self._move_all()
                await waiter.wait(timeout=None if all_moved else self._retry_seconds)

    async def _move_all(self) -> bool:
        """Move what can be moved, a segment of each log in turn; return whether that was all."""
        while True:
            last, moved, refused = 0, False, False
            while (segment := await run_blocking(self._core.archive.next, last)) is not None:
                last = segment.log
                try:
                    await self._move(segment)
                    moved = True
                except OrrisError as error:
                    refused = True
                    log.warning("a log cannot be archived now", run=str(segment.run), code=error.code)
            if refused or not moved:
                return not refused

    async def _move(self, segment: Segment) -> None:
        workspace = segment.run.workspace
        data = await run_blocking(self._core.archive.read, segment)
        digest = await self._artifacts.store(workspace, data) if data else ""
        async with self._references.turn(segment.run):
            if digest:
                await self._references.add(segment.run, blobs=(f"workspaces/{workspace}/blobs/{digest}",))
            await run_blocking(self._core.archive.moved, segment, digest)


class Remover:
    """Removes what is left of deleted runs, a little at a time."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def run(self) -> None:
        """Go on until canceled."""
        async with self._core.store.changes.watch(REMOVALS_CHANGED) as waiter:
            while True:
                while await run_blocking(self._core.deletion.remove_some):
                    pass
                await waiter.wait()


async def begin_retries(core: Core) -> None:
    """Begin the next attempts of runs when their times come, until canceled."""
    async with core.store.changes.watch(RETRIES_CHANGED) as waiter:
        while True:
            await waiter.wait(timeout=await run_blocking(core.retries.begin_due))


async def look_after_leases(core: Core, every: float) -> None:
    """Notice silent agents and ended leases every so many seconds, until canceled."""
    while True:
        await asyncio.sleep(every)
        await run_blocking(core.leases.look_after)


async def keep_at(work: Callable[[], Awaitable[None]], retry_seconds: float = RETRY_SECONDS) -> None:
    """Do work that does not end, until canceled: begun again where it failed, for nobody else would do it."""
    while True:
        try:
            await work()
        except* DatabaseUnavailable:
            log.warning("work beside the calls waits for the database")
        except* Exception:
            log.exception("work beside the calls has failed and begins again")
        await asyncio.sleep(retry_seconds)
