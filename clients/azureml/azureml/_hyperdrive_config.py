"""What a sweep is to do, under Azure's names."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from azureml._hyperdrive_policy import EarlyTerminationPolicy
from azureml._hyperdrive_sampling import HyperParameterSampling
from azureml._placeholder import refuse, refuse_given
from azureml._script_run_config import ScriptRunConfig
from azureml.exceptions import UserErrorException
from orris.sdk.given_values import finite, shown, whole
from orris.sdk.sweep_config import SweepConfig

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

MOST_RUNS, MOST_CONCURRENT, MOST_MINUTES, MOST_RESUMED = 1000, 100, 10_080, 5


class PrimaryMetricGoal(Enum):
    """Whether large or small values of the primary metric are better."""

    MAXIMIZE = "MAXIMIZE"
    MINIMIZE = "MINIMIZE"

    @staticmethod
    def from_str(goal: str) -> PrimaryMetricGoal:
        """Return the goal of that name."""
        try:
            return PrimaryMetricGoal[goal.upper()]
        except KeyError:
            raise UserErrorException(f"primary_metric_goal: {goal!r} is neither MAXIMIZE nor MINIMIZE") from None


class HyperDriveConfig:
    """A ScriptRunConfig (`run_config`), the hyperparameters that are added to its arguments, and how they are searched.

    Raises UserErrorException for what cannot be, NotAvailable for estimators and pipelines.
    """

    def __init__(
        self,
        hyperparameter_sampling: HyperParameterSampling,
        primary_metric_name: str,
        primary_metric_goal: PrimaryMetricGoal,
        max_total_runs: int,
        max_concurrent_runs: int | None = None,
        max_duration_minutes: int = MOST_MINUTES,
        policy: EarlyTerminationPolicy | None = None,
        estimator: Any = None,
        run_config: ScriptRunConfig | None = None,
        resume_from: Any = None,
        resume_child_runs: Any = None,
        pipeline: Any = None,
        debug_flag: Any = None,
        custom_run_id: Any = None,
    ) -> None:
        if run_config is None and isinstance(estimator, ScriptRunConfig):
            run_config, estimator = estimator, None
        refuse_given("HyperDriveConfig", estimator=estimator, pipeline=pipeline, custom_run_id=custom_run_id)
        if not isinstance(run_config, ScriptRunConfig):
            refuse(f"HyperDriveConfig(run_config={type(run_config).__name__})", "give a ScriptRunConfig")
        if not isinstance(hyperparameter_sampling, HyperParameterSampling):
            raise UserErrorException("hyperparameter_sampling: give a RandomParameterSampling, Grid… or Bayesian…")
        max_total_runs = _count("max_total_runs", max_total_runs, MOST_RUNS)
        if max_concurrent_runs is not None:
            max_concurrent_runs = _count("max_concurrent_runs", max_concurrent_runs, MOST_CONCURRENT)
            if max_concurrent_runs > max_total_runs:
                raise UserErrorException("max_concurrent_runs: at most max_total_runs")
        minutes = finite(max_duration_minutes)
        if minutes is None or not 1 <= minutes <= MOST_MINUTES:
            raise UserErrorException(f"max_duration_minutes: 1 to {MOST_MINUTES:,}, not {shown(max_duration_minutes)}")
        if not isinstance(primary_metric_goal, PrimaryMetricGoal):
            raise UserErrorException(
                "primary_metric_goal: give PrimaryMetricGoal.MAXIMIZE or PrimaryMetricGoal.MINIMIZE"
            )
        if policy is not None and not isinstance(policy, EarlyTerminationPolicy):
            raise UserErrorException(f"policy: give a BanditPolicy, MedianStoppingPolicy or …, not {shown(policy)}")
        self.hyperparameter_sampling, self.policy = hyperparameter_sampling, policy
        self.primary_metric_name, self.primary_metric_goal = primary_metric_name, primary_metric_goal
        self.max_total_runs, self.max_concurrent_runs = max_total_runs, max_concurrent_runs
        self.max_duration_minutes, self.run_config = max_duration_minutes, run_config
        self.resume_from, self.resume_child_runs = _several(resume_from), _several(resume_child_runs)
        if len(self.resume_from) > MOST_RESUMED:
            raise UserErrorException(f"resume_from: at most {MOST_RESUMED} runs")

    def to_orris(self, workspace: Workspace) -> SweepConfig:
        """Return what Orris is asked to do; its environment is registered."""
        sampling = self.hyperparameter_sampling
        return SweepConfig(
            script=self.run_config.to_orris(workspace),
            parameters=sampling._parameter_space,
            metric=self.primary_metric_name,
            goal=self.primary_metric_goal.value.lower(),
            sampling=sampling.method,
            seed=sampling.seed,
            policy=self.policy.to_orris if self.policy is not None else None,
            max_total_runs=self.max_total_runs,
            max_concurrent_runs=self.max_concurrent_runs,
            max_duration_minutes=self.max_duration_minutes,
            resume_from=self.resume_from,
            resume_runs=self.resume_child_runs,
        )


class HyperDriveRunConfig(HyperDriveConfig):
    """HyperDriveConfig under its older name, and with its older order of parameters."""

    def __init__(
        self,
        estimator: Any,
        hyperparameter_sampling: HyperParameterSampling,
        primary_metric_name: str,
        primary_metric_goal: PrimaryMetricGoal,
        max_total_runs: int,
        max_concurrent_runs: int | None = None,
        max_duration_minutes: int = MOST_MINUTES,
        policy: EarlyTerminationPolicy | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            hyperparameter_sampling,
            primary_metric_name,
            primary_metric_goal,
            max_total_runs,
            max_concurrent_runs,
            max_duration_minutes,
            policy,
            estimator,
            **options,
        )


def _count(name: str, given: Any, most: int) -> int:
    number = whole(given)
    if number is None or not 1 <= number <= most:
        raise UserErrorException(f"{name}: 1 to {most:,}, a whole number, not {shown(given)}")
    return number


def _several(runs: Any) -> Sequence[Any]:
    if runs is None:
        return []
    return list(runs) if isinstance(runs, list | tuple) else [runs]
