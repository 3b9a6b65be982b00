"""Canceling runs."""

import sqlalchemy as sa

from orris_runs.model import Run
from orris_runs.moves import Moves
from orris_runs.reading import Reading
from orris_runs.schema import PREPARING, leases, runs, sweeps
from orris_runs.store import Store, pool_changed


class Cancellation:
    """Cancels runs: at once in the queue, through their agents elsewhere."""

    def __init__(self, store: Store, reading: Reading, moves: Moves) -> None:
        self._store = store
        self._reading = reading
        self._moves = moves

    def cancel(self, workspace: str, run: str, by: str, reason: str = "") -> Run:
        """Ask for a run to be canceled; return it as it stands then. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.change() as change:
            row = self._reading.require_row(change.connection, workspace, run, lock=True)
            self._moves.ask_to_cancel(change, row, f"canceled by {by}: {reason}" if reason else f"canceled by {by}")
            change.wake(pool_changed(row.pool))
            return self._reading.load(change.connection, workspace, run)

    def stop_all(self, reason: str) -> int:
        """Ask for every run to be canceled; return how many are still with agents."""
        with self._store.change() as change:
            # First, for they would begin others; their trials are canceled with them.
            active = sa.select(runs).join(sweeps).where(sweeps.c.active.is_(True)).order_by(runs.c.key)
            for row in change.connection.execute(active.with_for_update(of=runs)).all():
                self._moves.ask_to_cancel(change, row, reason)
            # Each part has an index.
            keys = (_keys(runs.c.slot.is_not(None)), _keys(PREPARING), sa.select(leases.c.run_key))
            chosen = sa.select(runs).where(runs.c.key.in_(sa.union(*keys))).order_by(runs.c.key).with_for_update()
            for row in change.connection.execute(chosen).all():
                self._moves.ask_to_cancel(change, row, reason)
            return change.connection.execute(sa.select(sa.func.count()).select_from(leases)).scalar_one()


def _keys(condition: sa.ColumnElement[bool]) -> sa.Select[tuple[int]]:
    return sa.select(runs.c.key).where(condition)
