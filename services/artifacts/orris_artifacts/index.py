"""Where blobs lie: a blob exists when it has a row here, and the row is written after its bytes are safe.

Whoever is told that a blob is there may count on it for a while: `use` writes down when, and what was used within the
grace period is not collected. A tree or a reference that needs it for longer calls `hold` in its own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from orris.errors import Unavailable
from orris_artifacts.object_keys import made_at
from orris_artifacts.schema import blobs
from orris_kit.database import Statement, among, insert_new, read, write

T = TypeVar("T")

# A use is written down when the last one is older than this; the shortest grace period must be well over it.
TOUCH_AFTER = timedelta(minutes=5)
# An object gets its row within this time of being made, or never: only much older ones are taken for left behind.
ROW_WITHIN = timedelta(hours=1)
_AT_ONCE = 1000


class Location(NamedTuple):
    """A blob, and where its bytes are: `size` of them, from `offset` on in the object."""

    digest: str
    size: int
    object: str
    offset: int


class Index:
    """The blobs of all workspaces."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, workspace: str, digest: str) -> tuple[Location, bool] | None:
        """Return where a blob lies and whether it is damaged."""
        with read(self._engine) as connection:
            row = next(iter(_ALL.all(connection, {"of": workspace, "digests": [digest]})), None)
        return (_location(row), row.damaged) if row else None

    def use(self, workspace: str, digests: Sequence[str]) -> dict[str, Location]:
        """Return where those of the blobs lie that exist, and keep them from being collected for a while."""
        found: dict[str, Location] = {}
        stale: list[str] = []
        fresh = self._clock() - TOUCH_AFTER
        with read(self._engine) as connection:
            for some in groups(digests, _AT_ONCE):
                for row in _ALL.all(connection, {"of": workspace, "digests": some}):
                    if not row.damaged:
                        found[row.digest] = _location(row)
                        if row.use_time < fresh:
                            stale.append(row.digest)
        if stale:
            with write(self._engine) as connection:
                held = self.hold(connection, workspace, stale)
            for digest in stale:  # collected between the two transactions
                if digest not in held:
                    del found[digest]
        return found

    def hold(self, connection: sa.Connection, workspace: str, digests: Iterable[str]) -> dict[str, int]:
        """Return the sizes of those of the blobs that exist: none of them can be collected before this commits."""
        held: dict[str, int] = {}
        for some in groups(sorted(digests), _AT_ONCE):
            stale: list[str] = []
            rows = locked(connection, workspace, some)
            now = self._clock()  # once they are locked: whoever waited long counts from the end of the waiting
            for row in rows:
                if not row.damaged:
                    held[row.digest] = row.size
                    if row.use_time < now - TOUCH_AFTER:
                        stale.append(row.digest)
            if stale:
                connection.execute(blobs.update().where(*_these(workspace, stale)).values(use_time=now))
        return held

    def add(self, workspace: str, locations: Sequence[Location]) -> None:
        """Let blobs exist whose bytes are verified and durable. What exists already stays where it is.

        Raises Unavailable when an object was made too long ago to be certain that it has not been collected.
        """
        with write(self._engine) as connection:
            self.add_in(connection, workspace, locations)

    def add_in(self, connection: sa.Connection, workspace: str, locations: Sequence[Location]) -> None:
        """Do so in a transaction, late in it."""
        places = {each.digest: each for each in sorted(locations)}
        now = self._clock()
        there = self._keep(connection, workspace, places, now)
        # Nobody waits in a ring: all that is there is locked first, in order; then the rest comes in, in order.
        absent = [self._row(workspace, each, now) for each in places.values() if each.digest not in there]
        for some in groups(absent, _AT_ONCE):
            insert_new(connection, blobs, some)
        check_young(locations, self._clock())

    def mark_damaged(self, workspace: str, location: Location) -> None:
        """Let a blob count as missing whose bytes were found wrong, until it is stored again, or found right."""
        self._mark(workspace, location, damaged=True)

    def mark_whole(self, workspace: str, location: Location) -> None:
        """Let a blob count as stored whose bytes were found right after they had been wrong."""
        self._mark(workspace, location, damaged=False)

    def _mark(self, workspace: str, location: Location, *, damaged: bool) -> None:
        with write(self._engine) as connection:
            there = (*_these(workspace, [location.digest]), blobs.c.object == location.object)
            connection.execute(blobs.update().where(*there, blobs.c.offset == location.offset).values(damaged=damaged))

    def _row(self, workspace: str, location: Location, now: datetime) -> dict[str, object]:
        return {"workspace": workspace, "use_time": now, "damaged": False, **location._asdict()}

    def _keep(
        self, connection: sa.Connection, workspace: str, places: Mapping[str, Location], now: datetime
    ) -> set[str]:
        """Keep those of the blobs that are there from being collected, move the damaged to where they are whole."""
        there: set[str] = set()
        for some in groups(places, _AT_ONCE):
            stale: list[str] = []
            for row in locked(connection, workspace, some):
                there.add(row.digest)
                if row.damaged:
                    values = {"use_time": now, "damaged": False, **places[row.digest]._asdict()}
                    connection.execute(blobs.update().where(*_these(workspace, [row.digest])).values(values))
                elif row.use_time < now - TOUCH_AFTER:
                    stale.append(row.digest)
            if stale:
                connection.execute(blobs.update().where(*_these(workspace, stale)).values(use_time=now))
        return there


def check_young(locations: Iterable[Location], now: datetime) -> None:
    """Raise Unavailable (UPLOAD_TOO_OLD) when an object may be taken for left behind; the last step before a commit."""
    oldest = now - ROW_WITHIN
    if any((made_at(each.object) or oldest) < oldest for each in locations):
        raise Unavailable("storing a blob took too long; send it again", reason="UPLOAD_TOO_OLD")


def locked(connection: sa.Connection, workspace: str, digests: Sequence[str]) -> list[Any]:
    """Return the rows of blobs, locked until the transaction ends: in one order, so that nobody waits in a ring."""
    return _LOCKED.all(connection, {"of": workspace, "digests": digests})


def groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give the items in lists of at most `size`."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def _these(workspace: str, digests: Sequence[str]) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return blobs.c.workspace == workspace, blobs.c.digest.in_(digests)


_ONES = sa.select(blobs).where(blobs.c.workspace == sa.bindparam("of"), among(blobs.c.digest, "digests"))
_ALL, _LOCKED = Statement(_ONES), Statement(_ONES.order_by(blobs.c.digest).with_for_update())


def _location(row: Any) -> Location:
    return Location(row.digest, row.size, row.object, row.offset)
