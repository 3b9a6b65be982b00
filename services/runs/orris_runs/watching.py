"""Streams of one run: its changes, and its logs. Watchers are notified; nothing is polled."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

from orris.names import LogName
from orris_kit.blocking import run_blocking
from orris_kit.changes import Waiter
from orris_runs.artifacts_client import Artifacts
from orris_runs.core import Core
from orris_runs.logs import Piece
from orris_runs.model import Run, RunLog
from orris_runs.queue import is_waiting
from orris_runs.states import State
from orris_runs.store import logs_changed, pool_changed, run_changed, run_ended

# A queue moves often, and each watcher of it then reads its place: no more often than this.
PLACE_SECONDS = 2.0


async def watch_run(core: Core, workspace: str, run_id: str) -> AsyncIterator[tuple[Run, Sequence[RunLog]]]:
    """Give a run as it stands and after each change, until it is final: then with its logs.

    Changes in quick succession become one.
    """
    look = partial(core.store.glance, core.logs.of_ended, workspace, run_id)
    run, _ = await look()
    seen: Run | None = None
    changes = core.store.changes
    async with changes.watch(run_changed(run.key)) as changed, changes.watch(pool_changed(run.pool)) as moved:
        while True:
            run, logs = await look()
            if run != seen:
                yield run, logs
            if run.final:
                return
            seen = run
            await (_first(changed, moved) if _waits(run) else changed.wait())


async def watch_end(core: Core, workspace: str, run_id: str) -> AsyncIterator[tuple[Run, Sequence[RunLog]]]:
    """Give a run with its logs once it is final: who waits for that is not woken before."""
    async with core.store.changes.watch(run_ended(workspace, run_id)) as ended:
        while True:
            run, logs = await core.store.glance(core.logs.of_ended, workspace, run_id)
            if run.final:
                break
            await ended.wait()
    yield run, logs


def _waits(run: Run) -> bool:
    return is_waiting(run) or run.state is State.PROVISIONING


async def _first(changed: Waiter, moved: Waiter) -> None:
    """Wait until the run has changed, or its queue: the latter not at once."""
    waiting = {asyncio.ensure_future(changed.wait()), asyncio.ensure_future(_later(moved))}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def _later(moved: Waiter) -> None:
    await moved.wait()
    await asyncio.sleep(PLACE_SECONDS)


class LogReader:
    """Reads logs: from the database while they grow, from the artifacts once they are kept there."""

    def __init__(self, core: Core, artifacts: Artifacts) -> None:
        self._core = core
        self._artifacts = artifacts

    async def read(self, log: LogName, offset: int, follow: bool) -> AsyncIterator[tuple[int, bytes, bool]]:
        """Give offset, bytes and whether the log ends behind them; with `follow` until it does."""
        piece = await self._piece(log, offset)
        if not follow:
            self._core.logs.require(piece, log.file)
        async with self._core.store.changes.watch(logs_changed(piece.run_key)) as waiter:
            # Once more: it may have grown before it was watched.
            piece = await self._piece(log, offset)
            while True:
                async for message in self._messages(log, piece):
                    yield message
                if piece.end or not (follow or piece.next_offset > piece.offset):
                    return
                if piece.next_offset == piece.offset:
                    await waiter.wait()
                piece = await self._piece(log, piece.next_offset)

    async def _piece(self, log: LogName, offset: int) -> Piece:
        return await run_blocking(self._core.logs.read, log.workspace, log.run, log.file, offset)

    async def _messages(self, log: LogName, piece: Piece) -> AsyncIterator[tuple[int, bytes, bool]]:
        if piece.blob is None:
            if piece.data or piece.end:
                yield piece.offset, piece.data, piece.end
            return
        offset = piece.offset
        async for data in self._artifacts.read(log.workspace, piece.blob.digest, piece.blob.offset, piece.blob.size):
            end = piece.end and offset + len(data) == piece.next_offset
            yield offset, data, end
            offset += len(data)
