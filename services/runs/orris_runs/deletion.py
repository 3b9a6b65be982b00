"""Archiving runs, and deleting them: a deleted run is gone at once, what belonged to it is removed little by little."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris.names import RunName
from orris_kit.database import insert_new
from orris_runs import limits
from orris_runs.model import Run
from orris_runs.reading import Reading
from orris_runs.schema import (
    IS_CHILD,
    labels_before,
    log_blobs,
    log_rows,
    logs,
    loose_references,
    metric_summaries,
    metrics,
    properties,
    run_data,
    runs,
    sweep_trials,
    sweeps,
    tags,
    usage,
)
from orris_runs.states import FINAL
from orris_runs.store import RELEASES_CHANGED, REMOVALS_CHANGED, Change, Store, logs_changed, run_changed


class Deletion:
    """Puts runs out of sight, and out of the world."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def set_archived(self, workspace: str, run: str, archived: bool) -> Run:
        """Put a run into the archive, or take it out; return it. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.change() as change:
            key = self._reading.require_row(change.connection, workspace, run, lock=True).key
            change.connection.execute(runs.update().where(runs.c.key == key).values(archived=archived))
            change.wake(run_changed(key))
            return self._reading.load(change.connection, workspace, run)

    def delete(self, workspace: str, run: str, *, children: bool = False) -> None:
        """Delete a run that has ended, with `children` also all below it.

        Raises NotFound (RUN_NOT_FOUND), FailedPrecondition (RUN_ACTIVE, RUN_HAS_CHILDREN).
        """
        with self._store.change() as change:
            row = self._reading.require_row(change.connection, workspace, run, lock=True)
            below = _below(change.connection, row)
            if below and not children:
                names = ", ".join(each.id for each in below[:3]) + (", …" if len(below) > 3 else "")
                message = f"the run {row.id} has children ({names}): delete them first, or with it"
                raise FailedPrecondition(message, reason="RUN_HAS_CHILDREN")
            for each in (row, *below):
                if each.state not in FINAL:
                    message = f"the run {each.id} has not ended: cancel it and wait for its end"
                    raise FailedPrecondition(message, reason="RUN_ACTIVE")
            for each in (row, *below):
                take_out(change, each)

    def remove_some(self) -> bool:
        """Remove some of what belonged to a deleted run; return whether there may be more."""
        with self._store.change() as change:
            chosen = sa.select(runs.c.key).where(runs.c.workspace == "").order_by(runs.c.key).limit(1)
            key = change.connection.execute(chosen).scalar_one_or_none()
            if key is None:
                return False
            if not _remove_metrics(change.connection, key) and not _remove_log_rows(change.connection, key):
                _remove_rest(change.connection, key)
            return True


def _below(connection: sa.Connection, row: Any) -> Sequence[Any]:
    """Return the children of a run, and theirs, locked."""
    found: dict[int, Any] = {}
    parents = [row]
    while parents and len(found) < limits.CHILDREN_DELETED:
        names = [str(RunName(each.workspace, each.id)) for each in parents]
        chosen = sa.select(runs).where(runs.c.workspace == row.workspace, runs.c.parent_run.in_(names))
        chosen = chosen.where(IS_CHILD).order_by(runs.c.key).with_for_update()
        parents = [each for each in connection.execute(chosen).all() if each.key not in found and each.key != row.key]
        found |= {each.key: each for each in parents}
    return list(found.values())


def take_out(change: Change, row: Any) -> None:
    """Let a run be of no workspace: nothing finds it any more. What is kept for it is released."""
    gone = runs.update().where(runs.c.key == row.key).values(workspace="", id=str(row.key), lease="", holder=None)
    change.connection.execute(gone)
    change.connection.execute(logs.update().where(logs.c.run_key == row.key).values(to_archive=False))
    note = {"workspace": row.workspace, "run": row.id, "given_up": True}
    if not insert_new(change.connection, loose_references, [note]):
        known = loose_references.c.workspace == row.workspace, loose_references.c.run == row.id
        change.connection.execute(loose_references.update().where(*known).values(given_up=True))
    for changed in (RELEASES_CHANGED, REMOVALS_CHANGED, run_changed(row.key), logs_changed(row.key)):
        change.wake(changed)


def _remove_metrics(connection: sa.Connection, key: int) -> int:
    first = sa.select(metrics.c.sequence).where(metrics.c.run_key == key).order_by(metrics.c.sequence)
    some = metrics.c.sequence.in_(first.limit(limits.METRICS_REMOVED).scalar_subquery())
    return connection.execute(metrics.delete().where(metrics.c.run_key == key, some)).rowcount


def _remove_log_rows(connection: sa.Connection, key: int) -> int:
    chosen = sa.select(log_rows.c.log_key, log_rows.c.offset).join(logs, logs.c.key == log_rows.c.log_key)
    found = connection.execute(chosen.where(logs.c.run_key == key).limit(limits.LOG_ROWS_REMOVED)).all()
    for log, offset in found:
        connection.execute(log_rows.delete().where(log_rows.c.log_key == log, log_rows.c.offset == offset))
    return len(found)


def _remove_rest(connection: sa.Connection, key: int) -> None:
    own = sa.select(logs.c.key).where(logs.c.run_key == key).scalar_subquery()
    connection.execute(log_blobs.delete().where(log_blobs.c.log_key.in_(own)))
    connection.execute(sweep_trials.delete().where(sweep_trials.c.sweep_key == key))
    for table in (logs, tags, properties, labels_before, run_data, metric_summaries, usage, sweeps):
        connection.execute(table.delete().where(table.c.run_key == key))
    connection.execute(runs.delete().where(runs.c.key == key))
