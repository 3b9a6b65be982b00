"""References at the artifacts that may keep more than their runs need.

Of submissions that did not come to their end, of ended runs that nobody submits again (conversions, replicas), of runs
whose outputs came too late. What is noted here before it happens is put right, by `orris_runs.releasing`.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from orris.errors import Unavailable
from orris.names import RunName
from orris_kit.database import Statement, insert_new
from orris_runs.schema import loose_references, runs
from orris_runs.states import FINAL
from orris_runs.store import RELEASES_CHANGED, Change, Store

_TAKE_BACK = Statement(
    loose_references.delete().where(
        loose_references.c.workspace == sa.bindparam("in_workspace"),
        loose_references.c.run == sa.bindparam("named"),
        loose_references.c.given_up.is_(False),
    )
)
_RECORDED = (runs.c.workspace == loose_references.c.workspace) & (runs.c.id == loose_references.c.run)


class Loose:
    """The references that are to be put right."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, names: Iterable[RunName]) -> None:
        """Note runs that are not recorded yet, before they are referred for."""
        with self._store.change() as change:
            insert_new(change.connection, loose_references, [_row(name.workspace, name.run) for name in names])

    def give_up(self, run: RunName) -> None:
        """Let a run never be recorded; one that is stays."""
        mine = loose_references.update().where(*_is(run.workspace, run.run))
        with self._store.change() as change:
            if change.connection.execute(mine.values(given_up=True)).rowcount:
                change.wake(RELEASES_CHANGED)

    def give_up_interrupted(self) -> None:
        """Let nothing be recorded any more that was begun by a process before this one."""
        begun = loose_references.update().where(~sa.exists().where(_RECORDED))
        with self._store.change() as change:
            change.connection.execute(begun.values(given_up=True))

    def due(self) -> Sequence[RunName]:
        """Return what can be put right: what was given up, and what has ended."""
        found = sa.select(loose_references).outerjoin(runs, _RECORDED)
        found = found.where(loose_references.c.given_up | runs.c.state.in_(sorted(FINAL)))
        with self._store.look() as connection:
            return [RunName(row.workspace, row.run) for row in connection.execute(found)]

    def settle(self, run: RunName) -> None:
        """Forget a run whose reference is right."""
        with self._store.change() as change:
            change.connection.execute(loose_references.delete().where(*_is(run.workspace, run.run)))


def note(change: Change, workspace: str, run: str) -> None:
    """Note a run, in the transaction that ends it."""
    insert_new(change.connection, loose_references, [_row(workspace, run)])
    change.wake(RELEASES_CHANGED)


def take_back(change: Change, workspace: str, run: str) -> None:
    """Forget a run, in the transaction that records it. Raises Unavailable when it was given up meanwhile."""
    if not _TAKE_BACK.run(change.connection, {"in_workspace": workspace, "named": run}):
        raise Unavailable("the run was given up while it was being submitted; submit it again")


def _row(workspace: str, run: str) -> dict[str, object]:
    return {"workspace": workspace, "run": run, "given_up": False}


def _is(workspace: str, run: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return loose_references.c.workspace == workspace, loose_references.c.run == run
