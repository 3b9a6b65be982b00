"""Carries sweeps on beside the calls: woken by what becomes of their trials, and by their deadlines."""

import asyncio
from dataclasses import replace

from orris.errors import OrrisError, Unavailable
from orris_kit.blocking import run_blocking
from orris_kit.database import DatabaseUnavailable
from orris_kit.logging import get_logger
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.model import ErrorCode, Prepared, RunError
from orris_runs.spreading import Spreading
from orris_runs.store import SWEEPS_CHANGED, children_changed
from orris_runs.sweeps.beginning import Situation
from orris_runs.sweeps.space import Value

log = get_logger(__name__)
RETRY_SECONDS = 1.0
# Trials change often, and each step reads all that have not ended: no more often than this while agents have work.
PAUSE_SECONDS = 0.1


class SweepFollower:
    """Carries on each sweep that is not over; after a start, those that went on before."""

    def __init__(self, core: Core, images: Images, retry_seconds: float = RETRY_SECONDS) -> None:
        self._core = core
        self._spreading = Spreading(core, images)
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Go on until canceled."""
        following: dict[int, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group, self._core.store.changes.watch(SWEEPS_CHANGED) as waiter:
            while True:
                following = {key: task for key, task in following.items() if not task.done()}
                for key in await run_blocking(self._core.sweeps.active):
                    if key not in following:
                        following[key] = group.create_task(self._follow(key))
                await waiter.wait()

    async def _follow(self, key: int) -> None:
        name = await run_blocking(self._core.sweeps.name_of, key)
        async with self._core.store.changes.watch(children_changed(name)) as waiter:
            while True:
                try:
                    situation = await self._step(key)
                except (Unavailable, DatabaseUnavailable) as error:
                    log.warning("a sweep cannot go on now", run=name, why=str(error))
                    await waiter.wait(timeout=self._retry_seconds)
                    continue
                if situation is None:
                    return
                if situation.patient:
                    await asyncio.sleep(PAUSE_SECONDS)
                left = (situation.deadline - self._core.store.clock.now()).total_seconds()
                await waiter.wait(timeout=left if left > 0 else None)

    async def _step(self, key: int) -> Situation | None:
        """Do what there is to do; return what there was, None when the sweep is over."""
        beginning, progress = self._core.sweep_beginning, self._core.sweep_progress
        situation = await run_blocking(beginning.situation, key)
        if situation is None:
            return None
        if situation.to_judge:
            await run_blocking(progress.judge, key)
        if situation.to_settle:
            await run_blocking(progress.settle, key)
            situation = await run_blocking(beginning.situation, key)
        if situation is not None and situation.wanted:
            await self._begin(situation)
        return situation

    async def _begin(self, situation: Situation) -> None:
        try:
            prepared = await self._prepare(situation)
            chosen = await run_blocking(self._choose, situation)
        except (Unavailable, DatabaseUnavailable):
            raise
        except OrrisError as error:
            await run_blocking(self._core.sweep_progress.fail, situation.key, RunError(ErrorCode.SYSTEM, error.message))
            return
        await run_blocking(self._core.sweep_beginning.begin, situation, chosen, prepared)

    async def _prepare(self, situation: Situation) -> Prepared:
        """Return the image of the trials before, else of the environment, or the build that makes it."""
        if situation.prepared.image:
            return situation.prepared
        return await self._spreading.prepare(replace(situation.plan.trial, environment=situation.prepared.environment))

    def _choose(self, situation: Situation) -> list[dict[str, Value]]:
        try:
            return self._core.sweep_beginning.choose(situation)
        except Exception as error:
            # A library's: it would fail again and again, and hold up the other sweeps.
            log.exception("a sampler has failed", sweep=situation.key)
            raise OrrisError(f"no hyperparameters could be chosen: {type(error).__name__}: {error}") from error
