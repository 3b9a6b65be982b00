"""The runs that were part of an attempt that failed: they go with it, as its metrics do."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_kit.database import Statement, among
from orris_runs.deletion import take_out
from orris_runs.model import Attempt, RunError
from orris_runs.moves import Moves
from orris_runs.schema import IS_CHILD, runs
from orris_runs.states import FINAL, State
from orris_runs.store import Change


def drop_parts(change: Change, moves: Moves, row: Any, failed: Attempt) -> None:
    """Delete the parts of a run, given as its row. Those above a run of its own stay, and have failed if still open."""
    parts = _PARTS.all(change.connection, {"of": row.key})
    message = f"attempt {failed.number} of {row.id}, the run that it was part of, failed: {failed.error.message}"
    for part in parts:
        if part.state not in FINAL:
            moves.end(change, part, State.FAILED, error=RunError(failed.error.code, message))
    staying = _above_others(change.connection, row, parts)
    for part in parts:
        if _name(part) not in staying:
            take_out(change, part)


def _above_others(connection: sa.Connection, row: Any, parts: Sequence[Any]) -> set[str]:
    """Return the names of the parts that have runs below them which are no parts of this run."""
    parents = {_name(part): part.parent_run for part in parts}
    found: set[str] = set()
    wanted = {"in_workspace": row.workspace, "of": row.key, "names": list(parents)}
    for below in _OTHERS.all(connection, wanted) if parents else ():
        name = below.parent_run
        while name in parents and name not in found:
            found.add(name)
            name = parents[name]
    return found


_PARTS = Statement(sa.select(runs).where(runs.c.holder == sa.bindparam("of")).order_by(runs.c.key).with_for_update())
_OTHERS = Statement(
    sa.select(runs.c.parent_run)
    .where(runs.c.workspace == sa.bindparam("in_workspace"), IS_CHILD, among(runs.c.parent_run, "names"))
    .where(runs.c.holder.is_(None) | (runs.c.holder != sa.bindparam("of")))
    .distinct()
)


def _name(part: Any) -> str:
    return str(RunName(part.workspace, part.id))
