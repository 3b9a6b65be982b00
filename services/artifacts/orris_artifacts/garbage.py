"""Collect garbage: what nobody refers to and nobody has used for the grace period.

A collection begins at a time T. It drops trees, then blobs that no tree left needs, then objects without blobs. What
always holds, whoever works beside it, in this process or another, and wherever it is killed:

- A tree's blobs are there. Who creates a tree locks its blobs, and touches them, in the transaction that inserts it.
  If that locked one before T, it has ended when marking begins, so the tree is marked. Else it touched them after T,
  and a blob is dropped, under its lock, only if it was last used before T - grace. One of the two gets the lock first:
  dropped, the blob is missing for the tree; held, it stays.
- What an owner refers to is there. Who refers locks tree or blob first; who drops looks for references under its lock.
- A blob's object is there. Rows come after their object, within ROW_WITHIN of its being made, checked before the
  commit; an object is removed that was made LEFT_BEHIND_AFTER ago and has no row once all have ended who might add one.
- Who was told that a blob or a tree is there may count on it for a while: telling touches what was last used
  TOUCH_AFTER ago, and the shortest grace is twice that. What is left of it covers clocks that differ, by minutes.

A step that was not reached is done by the next collection: it starts from rows and objects, and remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import datetime, timedelta

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_artifacts.amounts import Garbage
from orris_artifacts.dropping import Dropping
from orris_artifacts.index import TOUCH_AFTER
from orris_artifacts.lease import held_lease
from orris_artifacts.leftovers import LEFT_BEHIND_AFTER, find_leftovers
from orris_artifacts.repacking import Repacking
from orris_artifacts.store.port import Store
from orris_artifacts.workspaces import collect_times, workspaces_with_things
from orris_artifacts.writers import wait_for_writers

Steps = Generator[Garbage, None, None]

SHORTEST_GRACE = 2 * TOUCH_AFTER
DEFAULT_GRACE = timedelta(days=1)


class GarbageCollector:
    """Collects the garbage of one workspace at a time."""

    def __init__(self, engine: sa.Engine, store: Store, repacking: Repacking, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._store = store
        self._repacking = repacking
        self._clock = clock

    def due(self, interval: timedelta) -> list[str]:
        """Return the workspaces whose garbage nobody has collected for `interval`."""
        collected = collect_times(self._engine)
        now = self._clock()
        there = workspaces_with_things(self._engine, self._store)
        return [each for each in there if each not in collected or collected[each] <= now - interval]

    def tidy(self) -> None:
        """Remove what killed processes left in the store, of all workspaces."""
        self._store.tidy()

    def collect(self, workspace: str, grace: timedelta, *, dry_run: bool = False) -> Steps:
        """Collect a workspace's garbage step by step; give what was found until now. A dry run changes nothing.

        Raises InvalidArgument (GRACE_TOO_SHORT), Conflict (COLLECTING_ALREADY), Unavailable (DATABASE_BUSY).
        """
        if grace < SHORTEST_GRACE:
            message = f"grace: {grace} would collect what is being uploaded; give at least {SHORTEST_GRACE}"
            raise InvalidArgument(message, field="grace", reason="GRACE_TOO_SHORT")
        found = Garbage()
        with closing(self._look(workspace, grace) if dry_run else self._collect(workspace, grace)) as steps:
            for some in steps:
                found += some
                yield found

    def _look(self, workspace: str, grace: timedelta) -> Steps:
        dropping = Dropping(self._engine, workspace, self._clock() - grace, dry_run=True)
        yield from dropping.drop_trees()
        yield from dropping.drop_blobs()

    def _collect(self, workspace: str, grace: timedelta) -> Steps:
        with held_lease(self._engine, workspace, self._clock) as lease:
            for found in self._steps(workspace, grace):
                lease.renew()
                yield found

    def _steps(self, workspace: str, grace: timedelta) -> Iterator[Garbage]:
        dropping = Dropping(self._engine, workspace, self._clock() - grace)
        yield from dropping.drop_trees()
        yield from self._writers()
        yield from dropping.drop_blobs()
        sparse: list[str] = []
        made_before = self._clock() - max(grace, LEFT_BEHIND_AFTER)
        yield from self._writers()
        for left in find_leftovers(self._engine, self._store, workspace, made_before):
            self._store.delete([each.key for each in left.objects])
            sparse += left.sparse
            yield left.garbage
        for _ in self._repacking.repack(workspace, sparse):
            yield Garbage()

    def _writers(self) -> Iterator[Garbage]:
        for _ in wait_for_writers(self._engine):
            yield Garbage()
