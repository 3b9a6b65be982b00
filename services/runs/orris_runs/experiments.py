"""Experiments: groups of runs with one purpose, made when first named."""

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.names import check_id
from orris_kit.database import insert_new
from orris_kit.paging import after_key, page_token
from orris_runs import limits, line
from orris_runs.queue import Queue
from orris_runs.schema import experiments, runs
from orris_runs.store import Change, Store, pool_changed
from orris_runs.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment of a workspace."""

    workspace: str
    id: str
    create_time: datetime
    archived: bool = False
    max_concurrent_runs: int = 0


class Experiments:
    """The experiments of all workspaces."""

    def __init__(self, store: Store, workspaces: Workspaces, queue: Queue) -> None:
        self._store = store
        self._workspaces = workspaces
        self._queue = queue
        self._known: set[tuple[str, str]] = set()

    def create(self, workspace: str, experiment: str) -> Experiment:
        """Return the experiment of that name, made if need be."""
        check_id("experiment", experiment, field="experiment_id")
        with self._store.change() as change:
            self.ensure(change, workspace, experiment)
            return self._require(change.connection, workspace, experiment)

    def ensure(self, change: Change, workspace: str, experiment: str) -> None:
        """Make an experiment, in the transaction of what needs it, unless it exists."""
        self._workspaces.check_exists(change.connection, workspace)
        if (workspace, experiment) in self._known:
            return
        row = {"workspace": workspace, "id": experiment, "create_time": self._store.clock.now()}
        insert_new(change.connection, experiments, [row])
        change.then(lambda: self._known.add((workspace, experiment)))

    def update(self, workspace: str, experiment: str, max_concurrent_runs: int) -> Experiment:
        """Set how many of its runs agents have at a time, 0: any number; those that have begun go on.

        Raises NotFound (EXPERIMENT_NOT_FOUND), InvalidArgument.
        """
        if not 0 <= max_concurrent_runs <= limits.CONCURRENT_RUNS:
            message = f"experiment.max_concurrent_runs: 0 (no limit) to {limits.CONCURRENT_RUNS:,}"
            raise InvalidArgument(message, field="experiment.max_concurrent_runs")
        with self._store.change() as change:
            self._require(change.connection, workspace, experiment)
            its = (experiments.c.workspace == workspace, experiments.c.id == experiment)
            values = {"max_concurrent_runs": max_concurrent_runs}
            change.connection.execute(experiments.update().where(*its).values(values))
            change.then(lambda: self._queue.bounds.learn(workspace, experiment, max_concurrent_runs))
            updated = self._require(change.connection, workspace, experiment)
            pools = line.pools_of(change.connection, workspace, experiment)
        for pool in pools:
            self._queue.dispatch(pool)
            self._store.changes.notify(pool_changed(pool))
        return updated

    def get(self, workspace: str, experiment: str) -> Experiment:
        """Return one. Raises NotFound (EXPERIMENT_NOT_FOUND)."""
        with self._store.look() as connection:
            return self._require(connection, workspace, experiment)

    def set_archived(self, workspace: str, experiment: str, archived: bool) -> Experiment:
        """Put an experiment into the archive, or take it out. Raises NotFound (EXPERIMENT_NOT_FOUND)."""
        with self._store.change() as change:
            self._require(change.connection, workspace, experiment)
            change.connection.execute(experiments.update().where(*_is(workspace, experiment)).values(archived=archived))
            return self._require(change.connection, workspace, experiment)

    def delete(self, workspace: str, experiment: str) -> None:
        """Delete an experiment without runs. Raises NotFound, FailedPrecondition (EXPERIMENT_HAS_RUNS)."""
        # Who submits to it from now on makes it anew, where it is gone.
        self._known.discard((workspace, experiment))
        with self._store.change() as change:
            self._require(change.connection, workspace, experiment)
            if _has_runs(change.connection, workspace, experiment):
                message = f"the experiment {experiment} has runs: delete them first, archived ones too, or archive it"
                raise FailedPrecondition(message, reason="EXPERIMENT_HAS_RUNS")
            change.connection.execute(experiments.delete().where(*_is(workspace, experiment)))
        self._known.discard((workspace, experiment))
        # Who submitted meanwhile took it for there.
        with self._store.change() as change:
            if _has_runs(change.connection, workspace, experiment):
                self.ensure(change, workspace, experiment)

    def list(
        self, workspace: str, size: int, token: str, archived: Sequence[bool] = (False,)
    ) -> tuple[builtins.list[Experiment], str]:
        """Return a page by name, and the token of the next."""
        query = {"list": "experiments", "workspace": workspace, "archived": sorted(archived)}
        after = after_key(token, query, str)
        chosen = sa.select(experiments).where(experiments.c.workspace == workspace)
        chosen = chosen.where(experiments.c.archived.in_(archived))
        if after:
            chosen = chosen.where(experiments.c.id > after[0])
        with self._store.look() as connection:
            self._workspaces.check_exists(connection, workspace)
            found = [Experiment(*row) for row in connection.execute(chosen.order_by(experiments.c.id).limit(size + 1))]
        more = len(found) > size
        return found[:size], page_token((found[size - 1].id,), query) if more else ""

    def check_exists(self, connection: sa.Connection, workspace: str, experiment: str) -> None:
        """Raise NotFound unless it exists."""
        if (workspace, experiment) not in self._known:
            self._require(connection, workspace, experiment)

    def _require(self, connection: sa.Connection, workspace: str, experiment: str) -> Experiment:
        self._workspaces.check_exists(connection, workspace)
        if (found := self._find(connection, workspace, experiment)) is None:
            message = f"there is no experiment {experiment[:100]!r} in the workspace {workspace!r}"
            raise NotFound(message, reason="EXPERIMENT_NOT_FOUND")
        return found

    def _find(self, connection: sa.Connection, workspace: str, experiment: str) -> Experiment | None:
        row = connection.execute(sa.select(experiments).where(*_is(workspace, experiment))).one_or_none()
        return Experiment(*row) if row else None


def _is(workspace: str, experiment: str) -> tuple[sa.ColumnElement[bool], ...]:
    return experiments.c.workspace == workspace, experiments.c.id == experiment


def _has_runs(connection: sa.Connection, workspace: str, experiment: str) -> bool:
    chosen = sa.select(runs.c.key).where(runs.c.workspace == workspace, runs.c.experiment == experiment).limit(1)
    return connection.execute(chosen).first() is not None
