"""What a sweep searches, how, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from orris.errors import InvalidArgument
from orris.names import RunName
from orris.runs.v1 import sweeps_pb2
from orris.sdk.given_values import count, finite, shown, text
from orris.sdk.metric_values import INT64
from orris.sdk.sweep_policy import EarlyTermination
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
# What the service takes; 0 at a time means as many as there are.
MOST_TOTAL, MOST_AT_A_TIME, MOST_MINUTES = 1000, 100, 366 * 24 * 60


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
        """The sampling's name. Raises InvalidArgument unless there is one of that name."""
        if self.sampling is None:
            expressions = [each for each in self.parameters.values() if isinstance(each, Expression)]
            return "grid" if all(each.name == "choice" for each in expressions) else "random"
        wanted = self.sampling.lower().replace("-", "_") if isinstance(self.sampling, str) else ""
        method = SPELLINGS.get(wanted, wanted)
        if method not in METHODS:
            known = ", ".join((*METHODS, *SPELLINGS))
            raise InvalidArgument(f"sampling: {shown(self.sampling)} is none of {known}", field="sampling")
        return method

    def to_message(self, workspace: Workspace) -> sweeps_pb2.Sweep:
        """Return the contract's form, without the runs. Raises InvalidArgument that names the field."""
        message = sweeps_pb2.Sweep(
            parameters=parameters(self.parameters),
            sampling=sweeps_pb2.SweepSampling(method=METHODS[self.method], seed=self._seed),
            metric=self._metric,
            goal=self._goal,
            policy=self._policy,
            max_total_runs=self._total,
            max_concurrent_runs=self._concurrent,
            resume_from=_names(workspace, self.resume_from, "resume_from"),
            resume_runs=_names(workspace, self.resume_runs, "resume_runs"),
        )
        if self.max_duration_minutes is not None:
            message.max_duration.CopyFrom(_minutes(self.max_duration_minutes))
        return message

    @property
    def _seed(self) -> int | None:
        return None if self.seed is None else count(self.seed, "seed", INT64.start, INT64.stop - 1)

    @property
    def _metric(self) -> str:
        if not (metric := text(self.metric)):
            message = f"metric: the name of what the script logs is expected, not {shown(self.metric)}"
            raise InvalidArgument(message, field="metric")
        return metric

    @property
    def _goal(self) -> sweeps_pb2.Sweep.Goal.ValueType:
        if not isinstance(self.goal, str) or self.goal not in GOALS:
            raise InvalidArgument(f"goal: {shown(self.goal)} is neither 'maximize' nor 'minimize'", field="goal")
        return GOALS[self.goal]

    @property
    def _policy(self) -> sweeps_pb2.SweepPolicy | None:
        if self.policy is None:
            return None
        if not isinstance(self.policy, EarlyTermination):
            message = f"policy: EarlyTermination(...) is expected, not {shown(self.policy)}"
            raise InvalidArgument(message, field="policy")
        return self.policy.to_message()

    @property
    def _total(self) -> int:
        if self.max_total_runs is None:
            return WHOLE_GRID if self.method == "grid" else DEFAULT_TOTAL
        return count(self.max_total_runs, "max_total_runs", 1, MOST_TOTAL)

    @property
    def _concurrent(self) -> int:
        given = self.max_concurrent_runs
        return 0 if given is None else count(given, "max_concurrent_runs", 0, MOST_AT_A_TIME)


def _minutes(given: Any) -> Duration:
    minutes = finite(given)
    if minutes is None or not 0 < minutes <= MOST_MINUTES:
        message = f"max_duration_minutes: a number over 0 and at most {MOST_MINUTES:,} is expected, not {shown(given)}"
        raise InvalidArgument(message, field="max_duration_minutes")
    length = Duration()
    length.FromNanoseconds(int(minutes * 60e9))
    return length


def _names(workspace: Workspace, runs: Any, field: str) -> list[str]:
    if not isinstance(runs, list | tuple):
        raise InvalidArgument(f"{field}: a list of runs, or of their ids, is expected, not {shown(runs)}", field=field)
    return [_name(workspace, each, field) for each in runs]


def _name(workspace: Workspace, run: Any, field: str) -> str:
    if run_id := text(run):
        return str(RunName(workspace.name, run_id))
    name = getattr(run, "resource_name", None)
    if not isinstance(name, str):
        raise InvalidArgument(f"{field}: a run, or its id, is expected, not {shown(run)}", field=field)
    return name
