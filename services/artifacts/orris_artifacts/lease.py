"""Who collects a workspace's garbage: one at a time, over all processes that share the database.

It saves work, no more: two who collected at once would do no harm (see `orris_artifacts.garbage`). So it matters little
when a holder that stood still goes on after its lease has run out.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from orris.errors import Conflict
from orris_artifacts.schema import collections
from orris_kit.database import insert_new, write

# A dead holder is waited for as long; a living one renews well before, also by a clock that is a minute off.
LEASE = timedelta(minutes=5)
RENEW_AFTER = timedelta(minutes=1)


class Lease:
    """The right to collect a workspace's garbage now."""

    def __init__(self, engine: sa.Engine, workspace: str, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._workspace = workspace
        self._clock = clock
        self._holder = secrets.token_hex(16)
        self._renewed = self._begun = clock()

    def take(self) -> None:
        """Become the holder. Raises Conflict (COLLECTING_ALREADY)."""
        table = collections
        nobody = {"workspace": self._workspace, "holder": "", "hold_until": self._begun}
        with write(self._engine) as connection:
            insert_new(connection, table, [nobody])
            free = table.update().where(table.c.workspace == self._workspace, table.c.hold_until <= self._begun)
            taken = connection.execute(free.values(holder=self._holder, hold_until=self._begun + LEASE)).rowcount
        if not taken:
            raise _taken(self._workspace)

    def renew(self) -> None:
        """Remain the holder. Raises Conflict (COLLECTING_ALREADY) when it has run out and somebody else took it."""
        now = self._clock()
        if now >= self._renewed + RENEW_AFTER:
            if not self._update(hold_until=now + LEASE):
                raise _taken(self._workspace)
            self._renewed = now

    def complete(self) -> None:
        """Write down that everything was collected."""
        self._update(collect_time=self._begun)

    def give_back(self) -> None:
        """Let others collect."""
        self._update(holder="", hold_until=self._clock())

    def _update(self, **values: object) -> bool:
        mine = (collections.c.workspace == self._workspace, collections.c.holder == self._holder)
        with write(self._engine) as connection:
            return connection.execute(collections.update().where(*mine).values(values)).rowcount == 1


@contextmanager
def held_lease(engine: sa.Engine, workspace: str, clock: Callable[[], datetime]) -> Iterator[Lease]:
    """Hold the lease as long as the block runs. Raises Conflict (COLLECTING_ALREADY)."""
    lease = Lease(engine, workspace, clock)
    lease.take()
    try:
        yield lease
        lease.complete()
    finally:
        lease.give_back()


def _taken(workspace: str) -> Conflict:
    message = f"garbage of the workspace {workspace} is being collected by somebody else; wait for that to end"
    return Conflict(message, reason="COLLECTING_ALREADY")
