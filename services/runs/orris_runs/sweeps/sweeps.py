"""Sweeps: recorded, then carried on step by step, each step one transaction.

Nothing is kept between two steps but in the database: whoever goes on after a crash sees which trials there are, and
begins the next. A trial and its run are recorded together.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orris.errors import InvalidArgument, NotFound
from orris.names import RunName
from orris_kit.paging import after_key, page_token
from orris_kit.text import check_text
from orris_runs import limits, loose
from orris_runs.experiments import Experiments
from orris_runs.model import Kind, NewRun, Prepared, Run
from orris_runs.points import to_point
from orris_runs.reading import Page, Reading
from orris_runs.rows import to_json
from orris_runs.schema import metrics, requests, runs, sweep_trials, sweeps
from orris_runs.states import State
from orris_runs.store import SWEEPS_CHANGED, Change, Store, run_changed
from orris_runs.submission import Submission
from orris_runs.sweeps.checks import check_plan
from orris_runs.sweeps.plan import Plan, arguments_with, plan_of, plan_to_json
from orris_runs.sweeps.policies import interval_to_judge
from orris_runs.sweeps.sampling import Known, Method, Sampler, sampler_of
from orris_runs.sweeps.space import Value, Values, count_combinations, point_of
from orris_runs.sweeps.sweep_log import SweepLog
from orris_runs.sweeps.trials import WAITING, SettledTrials, Trial, known_of, load_trials

# So many trials begin in one transaction: the first are executed while others are recorded.
AT_ONCE = 10
HYPERPARAMETERS_TAG = "hyperparameters"
SEED_BITS = 31


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as it stands. `over` when the last of its trials has ended, too."""

    run: Run
    plan: Plan
    trials: Sequence[Trial]
    over: bool


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


class Sweeps:
    """Records sweeps, and begins their trials."""

    def __init__(
        self,
        store: Store,
        reading: Reading,
        experiments: Experiments,
        submission: Submission,
        settled: SettledTrials,
    ) -> None:
        self._store = store
        self._reading = reading
        self._experiments = experiments
        self._submission = submission
        self._settled = settled
        self._log = SweepLog(store.clock)
        self._samplers: dict[int, Sampler] = {}

    def check(self, plan: Plan, new: NewRun) -> None:
        """Raise InvalidArgument when a field of a sweep or its run cannot be used, NotFound (POOL_NOT_FOUND)."""
        check_plan(plan)
        # Its labels and name; what it executes is what its trials do.
        self._submission.check(replace(new, kind=Kind.TRAINING))

    def create(
        self, run_id: str, new: NewRun, plan: Plan, prepared: Prepared, request_id: str = "", payload: bytes = b""
    ) -> str:
        """Record a sweep that was checked; return its run's id, or that which the same request recorded before.

        Raises NotFound (RUN_NOT_FOUND, SWEEP_NOT_FOUND) for what it resumes, InvalidArgument where that does not fit.
        """
        requested = ("CreateSweep", new.workspace, request_id, payload)
        with self._store.change() as change:
            if (made := requests.recall(change.connection, *requested)) is not None:
                return self._submission.recorded(change, new.workspace, made).id
            plan = self._completed(change.connection, plan)
            self._experiments.ensure(change, new.workspace, new.experiment)
            now = self._store.clock.now()
            ready = replace(prepared, build="", image=prepared.image)
            started = {"state": State.RUNNING, "state_reason": "", "slot": None, "start_time": now}
            key: int = self._submission.insert(change, run_id, new, ready, **started).key
            change.connection.execute(sweeps.insert().values(run_key=key, plan=plan_to_json(plan), active=True))
            requests.remember(change.connection, *requested, run_id)
            loose.take_back(change, new.workspace, run_id)
            row = change.connection.execute(sa.select(runs).where(runs.c.key == key)).one()
            self._log.say(change, row, "API", "Experiment created")
            self._log.say(change, row, "GENERATOR", _told(plan))
            change.wake(SWEEPS_CHANGED)
            change.wake(run_changed(key))
        return run_id

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
            key = self._sweep_key(connection, RunName(workspace, run))
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

    def _completed(self, connection: sa.Connection, plan: Plan) -> Plan:
        """Return a plan with what it takes from other sweeps, and how many trials there will be."""
        earlier: list[Known] = []
        for name in plan.resume_from:
            resumed = self._sweep_key(connection, RunName.parse(name, field="sweep.resume_from"))
            earlier += known_of(replace(plan, earlier=()), load_trials(connection, resumed, plan))
        first = [self._hyperparameters(connection, plan, name) for name in plan.resume_runs]
        planned = plan.max_total
        if plan.method is Method.GRID:
            planned = min(planned, len(first) + count_combinations(plan.space, plan.max_total))
        useful = tuple(each for each in earlier if each.score is not None)
        return replace(plan, earlier=useful, first=tuple(first), planned=planned)

    def _sweep_key(self, connection: sa.Connection, name: RunName) -> int:
        key: int = self._reading.require_row(connection, name.workspace, name.run).key
        if connection.execute(sa.select(sweeps.c.run_key).where(sweeps.c.run_key == key)).first() is None:
            raise NotFound(f"the run {name.run} is no sweep", reason="SWEEP_NOT_FOUND")
        return key

    def _hyperparameters(self, connection: sa.Connection, plan: Plan, name: str) -> dict[str, Value]:
        parsed = RunName.parse(name, field="sweep.resume_runs")
        key = self._reading.require_row(connection, parsed.workspace, parsed.run).key
        chosen = sa.select(sweep_trials.c.hyperparameters).where(sweep_trials.c.run_key == key)
        text = connection.execute(chosen).scalar_one_or_none()
        values: dict[str, Value] = json.loads(text) if text else {}
        if text is None or point_of(plan.space, values) is None:
            message = f"sweep.resume_runs: {parsed.run} is no trial of a sweep with hyperparameters of this space"
            raise InvalidArgument(message, field="sweep.resume_runs", reason="INVALID_SWEEP")
        return values


def is_to_be_judged(plan: Plan, trial: Trial) -> bool:
    """Tell whether a trial has come to an interval at which the policy judges it."""
    if plan.policy is None or trial.early_stopped or trial.state not in _JUDGED:
        return False
    return interval_to_judge(plan.policy, trial.interval) > trial.judged


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


def values_text(values: Values) -> str:
    """Return hyperparameters for people."""
    return " ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )


def new_seed() -> int:
    """Return a seed for who gave none."""
    return random.SystemRandom().getrandbits(SEED_BITS)


def sweep_run(plan: Plan, **columns: Any) -> NewRun:
    """Return the run that a sweep is: it shows the program of its trials."""
    return replace(plan.trial, kind=Kind.SWEEP, secrets=plan.trial.secrets, **columns)


def _locked(connection: sa.Connection, key: int) -> Any:
    return connection.execute(sa.select(runs).where(runs.c.key == key).with_for_update()).one()


def _pinned(row: Any) -> Prepared:
    """Return the image that the trials before got: all get the same."""
    return Prepared(environment=row.environment, image=row.image, variables=json.loads(row.program).get("defaults", {}))


def _told(plan: Plan) -> str:
    method = plan.method.name.lower().replace("_", " ")
    goal = "maximize" if plan.maximize else "minimize"
    return f"up to {plan.planned} trials, {plan.at_a_time} at a time, {method}, seed {plan.seed}: {goal} {plan.metric}"


_JUDGED = frozenset({State.RUNNING, State.NOT_RESPONDING})
_ACTIVE = (
    sa.select(runs, sweeps.c.plan)
    .join(sweeps, sweeps.c.run_key == runs.c.key)
    .where(runs.c.key == sa.bindparam("sweep"), sweeps.c.active.is_(True))
)
