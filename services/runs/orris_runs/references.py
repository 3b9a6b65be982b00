"""What the artifacts keep for runs: set before what needs it is recorded, dropped after nothing does any more."""

import asyncio
import weakref

from orris.artifacts.v1.artifacts_pb2 import SmallFiles
from orris.names import RunName
from orris_kit.blocking import run_blocking
from orris_runs.artifacts_client import Artifacts
from orris_runs.core import Core


class References:
    """The references of recorded runs. Who changes one, and records why, does both in the run's `turn`."""

    def __init__(self, core: Core, artifacts: Artifacts) -> None:
        self._core = core
        self._artifacts = artifacts
        self._turns: weakref.WeakValueDictionary[RunName, asyncio.Lock] = weakref.WeakValueDictionary()

    def turn(self, run: RunName) -> asyncio.Lock:
        """Return what one at a time holds for a run."""
        return self._turns.setdefault(run, asyncio.Lock())

    async def add(self, run: RunName, trees: tuple[str, ...] = (), blobs: tuple[str, ...] = ()) -> None:
        """Have these kept as well as what the run needs already, in its turn. Raises NotFound (TREE_NOT_FOUND)."""
        needs = await self._core.store.glance(self._core.archive.needs, run)
        await self._artifacts.refer(run, sorted({*needs.trees, *trees}), sorted({*needs.blobs, *blobs}))

    async def keep(self, run: RunName, files: SmallFiles, trees: tuple[str, ...] = ()) -> str:
        """Store files, return their tree, and have it kept as `add` does, in its turn. Raises what storing does."""
        needs = await self._core.store.glance(self._core.archive.needs, run)
        return await self._artifacts.keep(run, files, sorted({*needs.trees, *trees}), sorted(needs.blobs))

    async def put_right(self, run: RunName) -> None:
        """Have only that kept which a noted run needs, and forget the note. Raises NotFound (TREE_NOT_FOUND)."""
        async with self.turn(run):
            needs = await self._core.store.glance(self._core.archive.needs, run)
            if needs.trees or needs.blobs:
                await self._artifacts.refer(run, needs.trees, needs.blobs)
            else:
                await self._artifacts.forget(run)
            await run_blocking(self._core.loose.settle, run)
