"""What a sweep searches, how, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from orris.errors import InvalidArgument
from orris.names import RunName
from orris.runs.v1 import sweeps_pb2
from orris.sdk.sweep_space import Expression, parameters

if TYPE_CHECKING:
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.workspace import Workspace

METHODS = {
    "grid": sweeps_pb2.SweepSampling.METHOD_GRID,
    "random": sweeps_pb2.SweepSampling.METHOD_RANDOM,
    "sobol": sweeps_pb2.SweepSampling.METHOD_SOBOL,
    "tpe": sweeps_pb2.SweepSampling.METHOD_TPE,
    "gaussian_process": sweeps_pb2.SweepSampling.METHOD_GAUSSIAN_PROCESS,
}
# As Azure calls it.
SPELLINGS = {"bayesian": "tpe", "gp": "gaussian_process"}
GOALS = {"maximize": sweeps_pb2.Sweep.GOAL_MAXIMIZE, "minimize": sweeps_pb2.Sweep.GOAL_MINIMIZE}
# Of a grid all points, up to the most that there can be.
DEFAULT_TOTAL, WHOLE_GRID = 100, 1000


@dataclass(frozen=True)
class EarlyTermination:
    """Which trials are ended early: "bandit" (`slack_factor` or `slack_amount`), "median_stopping",
    "truncation_selection" (`percentage`, `exclude_finished`) or "asha" (`min_interval`, `reduction_factor`).

    A trial's intervals are counted by the values that it logs of the metric; it is judged at the multiples of
    `evaluation_interval` that are not below `delay_evaluation`, with "asha" at its rungs.
    """

    kind: str
    evaluation_interval: int = 1
    delay_evaluation: int = 0
    slack_factor: float | None = None
    slack_amount: float | None = None
    percentage: int | None = None
    exclude_finished: bool = False
    min_interval: int = 1
    reduction_factor: int = 4

    def to_message(self) -> sweeps_pb2.SweepPolicy:
        """Return the contract's form. Raises InvalidArgument."""
        message = sweeps_pb2.SweepPolicy(
            evaluation_interval=_count(self.evaluation_interval, "evaluation_interval"),
            delay_evaluation=_count(self.delay_evaluation, "delay_evaluation"),
        )
        match self.kind:
            case "bandit":
                if (self.slack_factor is None) == (self.slack_amount is None):
                    raise InvalidArgument("policy: give either slack_factor or slack_amount", field="policy")
                if self.slack_factor is not None:
                    message.bandit.slack_factor = float(self.slack_factor)
                else:
                    message.bandit.slack_amount = float(self.slack_amount or 0)
            case "median_stopping":
                message.median_stopping.SetInParent()
            case "truncation_selection":
                message.truncation_selection.percentage = _count(self.percentage, "percentage")
                message.truncation_selection.exclude_finished = self.exclude_finished
            case "asha":
                message.asha.min_interval = _count(self.min_interval, "min_interval")
                message.asha.reduction_factor = _count(self.reduction_factor, "reduction_factor")
            case _:
                names = "bandit, median_stopping, truncation_selection, asha"
                raise InvalidArgument(f"policy: {self.kind!r} is none of {names}", field="policy")
        return message


@dataclass
class SweepConfig:
    """A script, the hyperparameters that are passed to it, and how the best of them are searched.

    `parameters` are by name: `choice(...)`, `uniform(...)` and so on of `orris.sdk.sweep_space`. `metric` is what the
    script logs; of all values that a run logs, the best counts. `goal` is "maximize" or "minimize". `sampling` is
    "grid", "random", "sobol", "tpe" (or "bayesian") or "gaussian_process" (or "gp"); by default a grid where all
    parameters are choices, else "random". `max_total_runs` is by default the whole grid, else 100;
    `max_concurrent_runs` is by default as many as there are, up to 100.
    `resume_from` are earlier sweeps (or their ids) that samplers learn from, `resume_runs` runs of sweeps (or their
    ids) whose hyperparameters are tried first.
    """

    script: ScriptRunConfig
    parameters: Mapping[str, Any]
    metric: str
    goal: str = "maximize"
    sampling: str | None = None
    seed: int | None = None
    policy: EarlyTermination | None = None
    max_total_runs: int | None = None
    max_concurrent_runs: int | None = None
    max_duration_minutes: float | None = None
    resume_from: Sequence[Any] = ()
    resume_runs: Sequence[Any] = ()

    @property
    def method(self) -> str:
        """The sampling's name."""
        if self.sampling is None:
            expressions = [each for each in self.parameters.values() if isinstance(each, Expression)]
            return "grid" if all(each.name == "choice" for each in expressions) else "random"
        wanted = self.sampling.lower().replace("-", "_")
        return SPELLINGS.get(wanted, wanted)

    @property
    def _total(self) -> int:
        if self.max_total_runs is None:
            return WHOLE_GRID if self.method == "grid" else DEFAULT_TOTAL
        return _count(self.max_total_runs, "max_total_runs")

    def to_message(self, workspace: Workspace) -> sweeps_pb2.Sweep:
        """Return the contract's form, without the runs. Raises InvalidArgument that names the field."""
        if self.goal not in GOALS:
            raise InvalidArgument(f"goal: {self.goal!r} is neither 'maximize' nor 'minimize'", field="goal")
        if self.method not in METHODS:
            known = ", ".join((*METHODS, *SPELLINGS))
            raise InvalidArgument(f"sampling: {self.sampling!r} is none of {known}", field="sampling")
        message = sweeps_pb2.Sweep(
            parameters=parameters(self.parameters),
            sampling=sweeps_pb2.SweepSampling(method=METHODS[self.method], seed=self.seed),
            metric=self.metric,
            goal=GOALS[self.goal],
            policy=self.policy.to_message() if self.policy else None,
            max_total_runs=self._total,
            max_concurrent_runs=_count(self.max_concurrent_runs, "max_concurrent_runs"),
            resume_from=[_name(workspace, each) for each in self.resume_from],
            resume_runs=[_name(workspace, each) for each in self.resume_runs],
        )
        if self.max_duration_minutes is not None:
            message.max_duration.CopyFrom(_minutes(self.max_duration_minutes))
        return message


def _minutes(minutes: float) -> Duration:
    if not 0 < minutes < 366 * 24 * 60 + 1:
        raise InvalidArgument("max_duration_minutes: more than 0, at most 366 days", field="max_duration_minutes")
    length = Duration()
    length.FromNanoseconds(int(minutes * 60e9))
    return length


def _count(count: int | None, field: str) -> int:
    if count is None:
        return 0
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**31:
        raise InvalidArgument(f"{field}: give a whole number, not {count!r}", field=field)
    return count


def _name(workspace: Workspace, run: Any) -> str:
    return str(RunName(workspace.name, run)) if isinstance(run, str) else str(run.resource_name)
