"""The trials of sweeps as they stand, with what their runs logged."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_runs.model import ErrorCode
from orris_runs.rows import error_of
from orris_runs.schema import metric_summaries, metrics, runs, sweep_trials
from orris_runs.states import FINAL, State
from orris_runs.sweeps.plan import Plan
from orris_runs.sweeps.policies import interval_to_judge
from orris_runs.sweeps.sampling import Known
from orris_runs.sweeps.space import Value

_JUDGED = frozenset({State.RUNNING, State.NOT_RESPONDING})
WAITING = frozenset({State.NOT_STARTED, State.PREPARING, State.PROVISIONING, State.QUEUED})


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial. Its run was deleted where `run` is empty. `best` and `last` are of the values it has logged, so many."""

    number: int
    key: int
    run: str
    hyperparameters: Mapping[str, Value]
    state: State
    early_stopped: str = ""
    best: float | None = None
    last: float | None = None
    interval: int = 0
    judged: int = 0
    settled: bool = False
    start_time: datetime | None = None
    end_time: datetime | None = None
    reason: str = ""
    error: ErrorCode | None = None
    attempts: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing about it will happen any more."""
        return self.state in FINAL

    @property
    def stopped(self) -> bool:
        """Whether the policy has ended it."""
        return bool(self.early_stopped) and self.state is State.CANCELED

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"trial {self.number} ({self.run.rpartition('/')[2] or 'deleted'})"


def load_trials(connection: sa.Connection, sweep_key: int, plan: Plan) -> list[Trial]:
    """Return all trials of a sweep in order."""
    found = connection.execute(_TRIALS, {"sweep": sweep_key, "named": plan.metric})
    return [_trial(row, plan) for row in found]


class SettledTrials:
    """Trials whose ends were taken into account: they do not change, so who carries a sweep on reads them once."""

    def __init__(self) -> None:
        self._settled: dict[int, dict[int, Trial]] = {}

    def load(self, connection: sa.Connection, sweep_key: int, plan: Plan) -> list[Trial]:
        """Return all trials of a sweep in order."""
        settled = self._settled.get(sweep_key)
        if settled is None:
            trials = load_trials(connection, sweep_key, plan)
            self._settled[sweep_key] = {trial.number: trial for trial in trials if trial.settled}
            return trials
        found = connection.execute(_UNSETTLED, {"sweep": sweep_key, "named": plan.metric})
        return sorted([*settled.values(), *(_trial(row, plan) for row in found)], key=lambda trial: trial.number)

    def settle(self, sweep_key: int, trials: Iterable[Trial]) -> None:
        """Remember trials whose ends have been taken into account, durably."""
        self._settled.setdefault(sweep_key, {}).update((each.number, replace(each, settled=True)) for each in trials)

    def forget(self, sweep_key: int) -> None:
        """Forget a sweep that is over."""
        self._settled.pop(sweep_key, None)


def known_of(plan: Plan, trials: Iterable[Trial]) -> list[Known]:
    """Return what samplers learn from trials, after what is known from the start. Infinities teach nothing."""
    known = list(plan.earlier)
    for trial in trials:
        useful = trial.best is not None and math.isfinite(trial.best)
        score = plan.score(trial.best) if useful and trial.best is not None else None
        # A trial that goes on may become better: only its end counts.
        known.append(Known(trial.hyperparameters, score if trial.ended else None, trial.ended))
    return known


def best_of(plan: Plan, trials: Iterable[Trial]) -> Trial | None:
    """Return the best trial that has logged the metric; of equals the first."""
    scored = [trial for trial in trials if trial.best is not None]
    return max(scored, key=lambda trial: (plan.score(trial.best or 0), -trial.number), default=None)


def best_first(plan: Plan, trials: Iterable[Trial]) -> list[Trial]:
    """Return trials, the best first, those without the metric last."""
    return sorted(
        trials,
        key=lambda trial: (trial.best is None, -plan.score(trial.best or 0), trial.number),
    )


def is_to_be_judged(plan: Plan, trial: Trial) -> bool:
    """Tell whether a trial has come to an interval at which the policy judges it."""
    if plan.policy is None or trial.early_stopped or trial.state not in _JUDGED:
        return False
    return interval_to_judge(plan.policy, trial.interval) > trial.judged


class Courses:
    """What trials have logged under a metric, value by value: read once, remembered, rebuilt after a restart."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, str], _Values] = {}

    def read(self, connection: sa.Connection, plan: Plan, trials: Sequence[Trial]) -> dict[int, Sequence[float]]:
        """Return the values of each trial by its number, NaN for what is no number."""
        return {trial.number: self._values(connection, plan, trial) for trial in trials}

    def forget(self, trials: Iterable[Trial]) -> None:
        """Forget trials whose sweep is over."""
        for trial in trials:
            self._read.pop((trial.key, trial.attempts), None)

    def _values(self, connection: sa.Connection, plan: Plan, trial: Trial) -> Sequence[float]:
        # Another attempt begins anew.
        known = self._read.setdefault((trial.key, trial.attempts), _Values([]))
        if trial.interval > len(known.values):
            new = {"run": trial.key, "named": plan.metric, "behind": known.last}
            for row in connection.execute(_POINTS, new):
                known.values.append(_number(row.value))
                known.last = row.sequence
        return known.values[: trial.interval]


@dataclass(slots=True)
class _Values:
    values: list[float]
    last: int = -1


def _number(text: str) -> float:
    value = json.loads(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _trial(row: Any, plan: Plan) -> Trial:
    there = bool(row.workspace)
    best = row.maximum if plan.maximize else row.minimum
    last = _number(row.last_value) if row.last_value is not None else math.nan
    return Trial(
        number=row.number,
        key=row.run_key,
        run=str(RunName(row.workspace, row.id)) if there else "",
        hyperparameters=json.loads(row.hyperparameters),
        state=row.state if there else State.CANCELED,
        early_stopped=row.early_stopped or "",
        best=best if there else None,
        last=None if math.isnan(last) or not there else last,
        interval=row.points or 0,
        judged=row.judged,
        settled=row.settled,
        start_time=row.start_time,
        end_time=row.end_time,
        reason=_reason(row) if there else "its run was deleted",
        error=error_of(row.error).code if row.error else None,
        attempts=row.failed_attempts or "",
    )


def _reason(row: Any) -> str:
    return error_of(row.error).message if row.error else row.state_reason


_RUN_COLUMNS = (
    runs.c.workspace,
    runs.c.id,
    runs.c.state,
    runs.c.state_reason,
    runs.c.error,
    runs.c.early_stopped,
    runs.c.start_time,
    runs.c.end_time,
    runs.c.failed_attempts,
)
_summary = (metric_summaries.c.run_key == sweep_trials.c.run_key) & (metric_summaries.c.metric == sa.bindparam("named"))
_last = (metrics.c.run_key == sweep_trials.c.run_key) & (metrics.c.sequence == metric_summaries.c.last_sequence)
# Made once: to put a statement together costs more than to execute it.
_TRIALS = (
    sa.select(
        sweep_trials,
        *_RUN_COLUMNS,
        metric_summaries.c.points,
        metric_summaries.c.minimum,
        metric_summaries.c.maximum,
        metrics.c.value.label("last_value"),
    )
    .outerjoin(runs, runs.c.key == sweep_trials.c.run_key)
    .outerjoin(metric_summaries, _summary)
    .outerjoin(metrics, _last)
    .where(sweep_trials.c.sweep_key == sa.bindparam("sweep"))
    .order_by(sweep_trials.c.number)
)
_UNSETTLED = _TRIALS.where(sweep_trials.c.settled.is_(False))
_POINTS = (
    sa.select(metrics.c.sequence, metrics.c.value)
    .where(
        metrics.c.run_key == sa.bindparam("run"),
        metrics.c.metric == sa.bindparam("named"),
        metrics.c.sequence > sa.bindparam("behind"),
    )
    .order_by(metrics.c.sequence)
)
