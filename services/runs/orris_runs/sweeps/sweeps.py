"""Sweeps as they stand, and what their trials logged."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from orris.errors import NotFound
from orris.names import RunName
from orris_kit.paging import after_key, page_token
from orris_kit.text import check_text
from orris_runs import limits
from orris_runs.model import Run
from orris_runs.points import to_point
from orris_runs.reading import Page, Reading
from orris_runs.schema import metrics, runs, sweep_trials, sweeps
from orris_runs.store import Store
from orris_runs.sweeps.plan import Plan, plan_of
from orris_runs.sweeps.trials import Trial, load_trials


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as it stands. `over` when the last of its trials has ended, too."""

    run: Run
    plan: Plan
    trials: Sequence[Trial]
    over: bool


class Sweeps:
    """Reads sweeps."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def active(self) -> list[int]:
        """Return the keys of the sweeps that are not over."""
        with self._store.look() as connection:
            chosen = sa.select(sweeps.c.run_key).where(sweeps.c.active.is_(True)).order_by(sweeps.c.run_key)
            return list(connection.execute(chosen).scalars())

    def name_of(self, key: int) -> str:
        """Return the resource name of a sweep's run; empty where that was deleted."""
        with self._store.look() as connection:
            row = connection.execute(sa.select(runs.c.workspace, runs.c.id).where(runs.c.key == key)).one_or_none()
        return str(RunName(row.workspace, row.id)) if row is not None and row.workspace else ""

    def get(self, workspace: str, run: str) -> Sweep:
        """Return a sweep. Raises NotFound (RUN_NOT_FOUND, SWEEP_NOT_FOUND)."""
        with self._store.look() as connection:
            found = self._reading.load(connection, workspace, run)
            row = connection.execute(sa.select(sweeps).where(sweeps.c.run_key == found.key)).one_or_none()
            if row is None:
                raise NotFound(f"the run {run} is no sweep", reason="SWEEP_NOT_FOUND")
            plan = plan_of(row.plan)
            return Sweep(found, plan, load_trials(connection, found.key, plan), not row.active)

    def list_metrics(self, workspace: str, run: str, metric: str, size: int, token: str) -> Page:
        """Return a page of the metric points of all trials, each with its run's id, in order.

        Raises NotFound (RUN_NOT_FOUND, SWEEP_NOT_FOUND).
        """
        check_text("metric", metric, limits.METRIC_NAME)
        query = {"list": "sweep_metrics", "sweep": [workspace, run], "metric": metric}
        after = after_key(token, query, int, int)
        with self._store.look() as connection:
            key = require_sweep(self._reading, connection, RunName(workspace, run))
            behind = sa.tuple_(sweep_trials.c.number, metrics.c.sequence)
            chosen = sa.select(sweep_trials.c.number, runs.c.id, *metrics.c).join_from(
                sweep_trials, runs, (runs.c.key == sweep_trials.c.run_key) & (runs.c.workspace == workspace)
            )
            chosen = chosen.join(metrics, metrics.c.run_key == runs.c.key).where(sweep_trials.c.sweep_key == key)
            if metric:
                chosen = chosen.where(metrics.c.metric == metric)
            if after:
                chosen = chosen.where(behind > sa.tuple_(*map(sa.literal, after)))
            ordered = chosen.order_by(sweep_trials.c.number, metrics.c.sequence).limit(size + 1)
            rows = connection.execute(ordered).all()
        points = [(row.number, row.id, to_point(row)) for row in rows[:size]]
        return Page(points, len(rows) > size, lambda each: page_token((each[0], each[2].sequence), query))


def require_sweep(reading: Reading, connection: sa.Connection, name: RunName) -> int:
    """Return the key of a sweep's run. Raises NotFound (RUN_NOT_FOUND, SWEEP_NOT_FOUND)."""
    key: int = reading.require_row(connection, name.workspace, name.run).key
    if connection.execute(sa.select(sweeps.c.run_key).where(sweeps.c.run_key == key)).first() is None:
        raise NotFound(f"the run {name.run} is no sweep", reason="SWEEP_NOT_FOUND")
    return key
