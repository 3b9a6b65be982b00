"""Recording sweeps: what was asked for, with what is taken over from earlier ones."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris.names import RunName
from orris_runs import loose
from orris_runs.experiments import Experiments
from orris_runs.model import Kind, NewRun, Prepared
from orris_runs.reading import Reading
from orris_runs.schema import requests, sweep_trials, sweeps
from orris_runs.states import State
from orris_runs.store import SWEEPS_CHANGED, Store
from orris_runs.submission import Submission
from orris_runs.sweeps.checks import check_plan
from orris_runs.sweeps.plan import Plan, plan_to_json
from orris_runs.sweeps.sampling import LEARNING, Known, Method
from orris_runs.sweeps.space import Value, count_combinations, point_of
from orris_runs.sweeps.sweep_log import SweepLog
from orris_runs.sweeps.sweeps import require_sweep
from orris_runs.sweeps.trials import known_of, load_trials

SEED_BITS = 31


class Recording:
    """Records sweeps."""

    def __init__(self, store: Store, reading: Reading, experiments: Experiments, submission: Submission) -> None:
        self._store = store
        self._reading = reading
        self._experiments = experiments
        self._submission = submission
        self._log = SweepLog(store.clock)

    def check(self, plan: Plan, new: NewRun) -> None:
        """Raise InvalidArgument (INVALID_SWEEP, INVALID_RUN) when a field of a sweep or its run cannot be used."""
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
            warnings = [*prepared.warnings, *_useless(plan)]
            self._experiments.ensure(change, new.workspace, new.experiment)
            now = self._store.clock.now()
            ready = replace(prepared, build="", warnings=warnings)
            started = {"state": State.RUNNING, "state_reason": "", "slot": None, "start_time": now}
            row = self._submission.insert(change, run_id, new, ready, **started)
            change.connection.execute(sweeps.insert().values(run_key=row.key, plan=plan_to_json(plan), active=True))
            requests.remember(change.connection, *requested, run_id)
            loose.take_back(change, new.workspace, run_id)
            self._log.say(change, row, "API", "Experiment created")
            self._log.say(change, row, "GENERATOR", _told(plan))
            change.wake(SWEEPS_CHANGED)
            change.wake_watchers_of(row)
        return run_id

    def _completed(self, connection: sa.Connection, plan: Plan) -> Plan:
        """Return a plan with what it takes from other sweeps, and how many trials there will be."""
        earlier: list[Known] = []
        for name in plan.resume_from:
            resumed = require_sweep(self._reading, connection, RunName.parse(name, field="sweep.resume_from"))
            earlier += known_of(replace(plan, earlier=()), load_trials(connection, resumed, plan))
        first = [self._hyperparameters(connection, plan, name) for name in plan.resume_runs]
        planned = plan.max_total
        if plan.method is Method.GRID:
            planned = min(planned, len(first) + count_combinations(plan.space, plan.max_total))
        useful = tuple(each for each in earlier if each.score is not None)
        return replace(plan, earlier=useful, first=tuple(first), planned=planned)

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


def new_seed() -> int:
    """Return a seed for who gave none."""
    return random.SystemRandom().getrandbits(SEED_BITS)


def sweep_run(plan: Plan, **columns: Any) -> NewRun:
    """Return the run that a sweep is: it shows the program of its trials."""
    return replace(plan.trial, kind=Kind.SWEEP, secrets=plan.trial.secrets, **columns)


def _useless(plan: Plan) -> Iterator[str]:
    """Say where a sweep cannot learn from those that it was told to learn from."""
    if not plan.resume_from:
        return
    if plan.method not in LEARNING:
        method = plan.method.name.lower()
        yield f"resume_from: {method} sampling does not learn; TPE and Gaussian processes do, resume_runs come first"
    elif not any(point_of(plan.space, each.values) is not None for each in plan.earlier):
        yield (
            f"resume_from: there is nothing to learn from: no trial that has ended has logged {plan.metric!r} with "
            "hyperparameters of this space"
        )


def _told(plan: Plan) -> str:
    method = plan.method.name.lower().replace("_", " ")
    goal = "maximize" if plan.maximize else "minimize"
    return f"up to {plan.planned} trials, {plan.at_a_time} at a time, {method}, seed {plan.seed}: {goal} {plan.metric}"
