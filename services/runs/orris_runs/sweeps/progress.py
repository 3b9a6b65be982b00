"""What becomes of a sweep's trials: bad ones are ended early, ends are taken into account, the sweep ends."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_runs import limits
from orris_runs.model import ErrorCode, MetricPoint, MetricType, RunError
from orris_runs.moves import Moves
from orris_runs.points import to_row
from orris_runs.schema import metric_summaries, metrics, runs, sweep_trials, sweeps
from orris_runs.states import FINAL, State
from orris_runs.store import Change, Store
from orris_runs.summaries import sum_up
from orris_runs.sweeps.plan import Plan, plan_of
from orris_runs.sweeps.policies import Course, broken_limit, interval_to_judge
from orris_runs.sweeps.space import values_text
from orris_runs.sweeps.sweep_log import SweepLog
from orris_runs.sweeps.trials import Courses, SettledTrials, Trial, best_of, is_to_be_judged

# Where so many fail and none has done otherwise, the others would, too.
HOPELESS = 10
BEST_TABLE = "best_child_by_primary_metric"
NAMED_METRICS = 10
TIME_OVER = "the sweep's max_duration is over"


class Progress:
    """Judges and settles trials."""

    def __init__(self, store: Store, moves: Moves, settled: SettledTrials) -> None:
        self._store = store
        self._moves = moves
        self._settled = settled
        self._courses = Courses()
        self._log = SweepLog(store.clock)

    def judge(self, key: int) -> None:
        """End the trials early that the sweep's policy finds too bad."""
        with self._store.change() as change:
            row, plan = _locked(change.connection, key)
            trials = self._settled.load(change.connection, key, plan)
            judged = [trial for trial in trials if is_to_be_judged(plan, trial)]
            values = self._courses.read(change.connection, plan, [trial for trial in trials if trial.interval])
            courses = [
                Course(trial.number, [plan.score(value) for value in values[trial.number]], trial.ended)
                for trial in trials
                if trial.number in values
            ]
            for trial in judged:
                self._judge_one(change, row, plan, trial, courses)

    def _judge_one(self, change: Change, row: Any, plan: Plan, trial: Trial, courses: Sequence[Course]) -> None:
        assert plan.policy is not None
        interval = interval_to_judge(plan.policy, trial.interval)
        own = next(each for each in courses if each.number == trial.number)
        others = [each for each in courses if each.number != trial.number]
        limit = broken_limit(plan.policy, own, interval, others)
        its = (sweep_trials.c.sweep_key == row.key, sweep_trials.c.number == trial.number)
        change.connection.execute(sweep_trials.update().where(*its).values(judged=interval))
        if limit is None:
            return
        run = change.connection.execute(sa.select(runs).where(runs.c.key == trial.key).with_for_update()).one()
        if run.state not in (State.RUNNING, State.NOT_RESPONDING):
            return
        side = "below" if plan.maximize else "above"
        value, bound = plan.score(own.best(interval)), plan.score(limit)
        reason = f"{plan.policy.rule.value} at interval {interval}: {value:.6g} is {side} {bound:.6g}"
        change.connection.execute(runs.update().where(runs.c.key == run.key).values(early_stopped=reason))
        self._moves.ask_to_cancel(change, run, f"ended early by its sweep's policy: {reason}")
        self._log.say(change, row, "CONTROLLER", f"trial {trial.number} is ended early: {reason}")

    def settle(self, key: int) -> None:
        """Take the ends of trials into account; end the sweep when there is nothing more to do."""
        with self._store.change() as change:
            row, plan = _locked(change.connection, key)
            trials = self._settled.load(change.connection, key, plan)
            if row.state is State.RUNNING:
                self._settle(change, row, plan, trials)
                self._go_on_or_end(change, row, plan, trials)
            still = change.connection.execute(sa.select(runs.c.state).where(runs.c.key == key)).scalar_one()
            if still in FINAL and all(trial.ended for trial in trials):
                change.connection.execute(sweeps.update().where(sweeps.c.run_key == key).values(active=False))
                change.wake_watchers_of(row)
                self._courses.forget(trials)

    def fail(self, key: int, error: RunError) -> None:
        """Let a sweep have failed; its trials are canceled."""
        with self._store.change() as change:
            row, _ = _locked(change.connection, key)
            if row.state is State.RUNNING:
                self._fail(change, row, error)

    def _settle(self, change: Change, row: Any, plan: Plan, trials: Sequence[Trial]) -> None:
        ended = [trial for trial in trials if trial.ended and not trial.settled]
        if not ended:
            return
        for trial in ended:
            self._log.say(change, row, "CONTROLLER", _end_text(plan, trial))
        before, now = (best_of(plan, those) for those in (_settled(trials), [t for t in trials if t.ended]))
        if now is not None and (before is None or now.number != before.number):
            self._log.say(change, row, "CONTROLLER", f"best so far: {_best_text(plan, now)}")
            self._record_best(change, row, plan, now, final=False)
        silent = [trial for trial in ended if trial.state is State.COMPLETED and trial.best is None]
        if silent:
            self._moves.warn(change, row, [_silence(change.connection, plan, trial) for trial in silent])
        numbers = [trial.number for trial in ended]
        its = (sweep_trials.c.sweep_key == row.key, sweep_trials.c.number.in_(numbers))
        change.connection.execute(sweep_trials.update().where(*its).values(settled=True))
        change.then(lambda: self._settled.settle(row.key, ended))

    def _go_on_or_end(self, change: Change, row: Any, plan: Plan, trials: Sequence[Trial]) -> None:
        over = self._store.clock.now() >= row.create_time + timedelta(seconds=plan.max_seconds)
        if (error := _hopeless(trials)) is not None:
            self._fail(change, row, error)
        elif not all(trial.ended for trial in trials):
            if over:
                self._moves.cancel_trials(change, row, TIME_OVER)
        elif over or len(trials) >= plan.planned:
            self._end(change, row, plan, trials, over=over)

    def _end(self, change: Change, row: Any, plan: Plan, trials: Sequence[Trial], *, over: bool) -> None:
        best = best_of(plan, trials)
        if best is None and trials and all(trial.state is State.FAILED for trial in trials):
            self._fail(change, row, _all_failed(trials))
            return
        told = f"best: {_best_text(plan, best)}" if best else f"no trial has logged {plan.metric!r}"
        if over:
            told = f"{TIME_OVER} after {len(trials)} of {plan.planned} trials; {told}"
        self._log.say(change, row, "CONTROLLER", f"Experiment ended. {told}")
        if best is not None:
            self._record_best(change, row, plan, best, final=True)
        self._moves.end(change, row, State.COMPLETED, told)

    def _fail(self, change: Change, row: Any, error: RunError) -> None:
        self._log.say(change, row, "CONTROLLER", f"Experiment failed: {error.message}")
        self._moves.end(change, row, State.FAILED, error=error)
        self._moves.cancel_trials(change, row, f"its sweep failed: {error.message}")

    def _record_best(self, change: Change, row: Any, plan: Plan, best: Trial, *, final: bool) -> None:
        """Add a row to the table in which Azure keeps the best child."""
        now = self._store.clock.now()
        cells = {
            "metric_name": plan.metric,
            "timestamp": now.isoformat(),
            "run_id": RunName.parse(best.run).run if best.run else "",
            "metric_value": best.best,
            "final": final,
        }
        counted = sa.select(runs.c.next_sequence).where(runs.c.key == row.key)
        sequence = change.connection.execute(counted).scalar_one()
        point = MetricPoint(BEST_TABLE, MetricType.ROW, now, cells=cells)
        change.connection.execute(metrics.insert(), [to_row(row.key, sequence, point)])
        sum_up(change.connection, [(row.key, sequence, point)])
        change.connection.execute(runs.update().where(runs.c.key == row.key).values(next_sequence=sequence + 1))


def _locked(connection: sa.Connection, key: int) -> tuple[Any, Plan]:
    row = connection.execute(sa.select(runs).where(runs.c.key == key).with_for_update()).one()
    plan = connection.execute(sa.select(sweeps.c.plan).where(sweeps.c.run_key == key)).scalar_one()
    return row, plan_of(plan)


def _settled(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.settled]


def _end_text(plan: Plan, trial: Trial) -> str:
    state = "ended early" if trial.stopped else trial.state.name.lower()
    came = f"{plan.metric}={trial.best:.6g}" if trial.best is not None else f"it has not logged {plan.metric!r}"
    why = f" ({trial.reason})" if trial.state is State.FAILED and trial.reason else ""
    return f"trial {trial.number} {state}{why}: {came}"


def _best_text(plan: Plan, best: Trial) -> str:
    assert best.best is not None
    return f"{best.name}: {plan.metric}={best.best:.10g} with {values_text(best.hyperparameters)}"


def _silence(connection: sa.Connection, plan: Plan, trial: Trial) -> str:
    chosen = sa.select(metric_summaries.c.metric).where(metric_summaries.c.run_key == trial.key)
    logged = connection.execute(chosen.order_by(metric_summaries.c.metric).limit(NAMED_METRICS)).scalars().all()
    it_did = f"it logged {', '.join(map(repr, logged))}" if logged else "it logged nothing"
    return f"{trial.name} completed without logging {plan.metric!r} as a number: {it_did}"[: limits.WARNING_CHARACTERS]


def _hopeless(trials: Sequence[Trial]) -> RunError | None:
    """Return why it makes no sense to go on: the environment cannot be made, or all have failed."""
    failed = [trial for trial in trials if trial.state is State.FAILED]
    for trial in failed:
        if trial.error is ErrorCode.ENVIRONMENT and trial.start_time is None:
            return RunError(ErrorCode.ENVIRONMENT, trial.reason)
    if len(failed) >= HOPELESS and all(trial.state is State.FAILED for trial in trials if trial.ended):
        return _all_failed(failed)
    return None


def _all_failed(failed: Sequence[Trial]) -> RunError:
    first = failed[0]
    message = f"all {len(failed)} trials that ended have failed; {first.name}: {first.reason}"
    return RunError(first.error or ErrorCode.USER_PROGRAM, message[: limits.MESSAGE_CHARACTERS])
