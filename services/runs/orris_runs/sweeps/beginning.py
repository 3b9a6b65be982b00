"""Beginning trials: what can be done for a sweep next, hyperparameters, and trials recorded together with their runs.

Nothing is kept between two steps but in the database: whoever goes on after a crash sees which trials there are, and
begins the next.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_runs import limits
from orris_runs.model import NewRun, Prepared
from orris_runs.rows import to_json
from orris_runs.schema import runs, sweep_trials, sweeps
from orris_runs.states import State
from orris_runs.store import Change, Store
from orris_runs.submission import Submission
from orris_runs.sweeps.plan import Plan, arguments_with, plan_of
from orris_runs.sweeps.sampling import Known, Sampler, sampler_of
from orris_runs.sweeps.space import Value, Values, values_text
from orris_runs.sweeps.sweep_log import SweepLog
from orris_runs.sweeps.trials import WAITING, SettledTrials, Trial, is_to_be_judged, known_of

# So many trials begin in one transaction: the first are executed while others are recorded.
AT_ONCE = 10
HYPERPARAMETERS_TAG = "hyperparameters"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is to be done for a sweep next. `wanted` is how many trials can begin."""

    key: int
    plan: Plan
    prepared: Prepared
    trials: Sequence[Trial]
    wanted: int
    to_judge: bool
    to_settle: bool
    deadline: datetime

    @property
    def patient(self) -> bool:
        """Whether trials wait for agents: then these have work, whatever is done for the sweep meanwhile."""
        return any(trial.state in WAITING for trial in self.trials)


class Beginning:
    """Begins the trials of sweeps."""

    def __init__(self, store: Store, submission: Submission, settled: SettledTrials) -> None:
        self._store = store
        self._submission = submission
        self._settled = settled
        self._log = SweepLog(store.clock)
        self._samplers: dict[int, Sampler] = {}

    def situation(self, key: int) -> Situation | None:
        """Return what is to be done for a sweep; None when it is over."""
        with self._store.look() as connection:
            row = connection.execute(_ACTIVE, {"sweep": key}).one_or_none()
            if row is None:
                self._samplers.pop(key, None)
                self._settled.forget(key)
                return None
            plan = plan_of(row.plan)
            trials = self._settled.load(connection, key, plan)
        deadline = row.create_time + timedelta(seconds=plan.max_seconds)
        open_trials = [trial for trial in trials if not trial.ended]
        begins = row.state is State.RUNNING and self._store.clock.now() < deadline
        wanted = min(plan.at_a_time - len(open_trials), plan.planned - len(trials), AT_ONCE) if begins else 0
        return Situation(
            key,
            plan,
            _pinned(row),
            trials,
            wanted=max(wanted, 0),
            to_judge=any(is_to_be_judged(plan, trial) for trial in open_trials),
            to_settle=any(trial.ended and not trial.settled for trial in trials)
            or not begins
            or not (open_trials or wanted > 0),
            deadline=deadline,
        )

    def choose(self, situation: Situation) -> list[dict[str, Value]]:
        """Return the hyperparameters of the trials that can begin."""
        plan, first = situation.plan, len(situation.trials)
        known = known_of(plan, situation.trials)
        chosen: list[dict[str, Value]] = []
        for number in range(first, first + situation.wanted):
            values = self._choose(situation.key, plan, number, known)
            if values is None:
                break
            chosen.append(dict(values))
            known.append(Known(values))
        return chosen

    def begin(self, situation: Situation, chosen: Sequence[dict[str, Value]], prepared: Prepared) -> None:
        """Record trials, and their runs, unless the sweep has ended or others were begun meanwhile."""
        with self._store.change() as change:
            row = _locked(change.connection, situation.key)
            counted = sa.select(sa.func.count()).where(sweep_trials.c.sweep_key == row.key)
            first = change.connection.execute(counted).scalar_one()
            if row.state is not State.RUNNING or first != len(situation.trials):
                return
            if prepared.image and not row.image:
                pinned = {"image": prepared.image, "environment": prepared.environment}
                change.connection.execute(runs.update().where(runs.c.key == row.key).values(**pinned))
            for number, values in enumerate(chosen, first):
                self._begin_one(change, row, situation.plan, number, values, prepared)
            change.wake_watchers_of(row)

    def _begin_one(
        self, change: Change, row: Any, plan: Plan, number: int, values: dict[str, Value], prepared: Prepared
    ) -> None:
        new = trial_run(row, plan, values)
        run_key = self._submission.add(change, f"{row.id}_{number}", new, prepared)
        trial = {"sweep_key": row.key, "number": number, "run_key": run_key, "hyperparameters": to_json(values)}
        change.connection.execute(sweep_trials.insert().values(judged=0, settled=False, **trial))
        self._log.say(change, row, "SCHEDULER", f"trial {number} begins: {values_text(values)}")

    def _choose(self, key: int, plan: Plan, number: int, known: Sequence[Known]) -> Values | None:
        if number < len(plan.first):
            return plan.first[number]
        if key not in self._samplers:
            self._samplers[key] = sampler_of(plan.method, plan.space, plan.seed)
        return self._samplers[key].choose(number - len(plan.first), known)


def trial_run(row: Any, plan: Plan, values: dict[str, Value]) -> NewRun:
    """Return the run of a trial with these hyperparameters, given the row of its sweep."""
    program = plan.trial.program
    if program.command:
        program = replace(program, command=arguments_with(program.command, values))
    else:
        program = replace(program, arguments=arguments_with(program.arguments, values))
    text = to_json(values)
    told = {HYPERPARAMETERS_TAG: text} if len(text) <= limits.LABEL_VALUE else {}
    return replace(
        plan.trial,
        program=program,
        parent_run=str(RunName(row.workspace, row.id)),
        secrets=json.loads(row.secrets) if row.secrets else {},
        tags={**plan.trial.tags, **told},
    )


def _locked(connection: sa.Connection, key: int) -> Any:
    return connection.execute(sa.select(runs).where(runs.c.key == key).with_for_update()).one()


def _pinned(row: Any) -> Prepared:
    """Return the image that the trials before got: all get the same."""
    return Prepared(environment=row.environment, image=row.image, variables=json.loads(row.program).get("defaults", {}))


_ACTIVE = (
    sa.select(runs, sweeps.c.plan)
    .join(sweeps, sweeps.c.run_key == runs.c.key)
    .where(runs.c.key == sa.bindparam("sweep"), sweeps.c.active.is_(True))
)
