"""Sweeps, seen from where they were submitted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azureml._errors import translated
from azureml._run import Run
from azureml.exceptions import ServiceException
from orris.sdk.sweep import EARLY_STOPPED, Sweep, Trial

if TYPE_CHECKING:
    from azureml._experiment import Experiment


@translated(not_found=ServiceException)
class HyperDriveRun(Run):
    """A sweep by its id: a run whose children are runs of one script with other hyperparameters each."""

    def __init__(self, experiment: Experiment, run_id: str, hyperdrive_config: Any = None, **_options: Any) -> None:
        super().__init__(experiment, run_id)

    @property
    def hyperdrive_config(self) -> Any:
        """What it searches and how, in the contract's form."""
        return self.to_sweep().sweep_message

    def to_sweep(self) -> Sweep:
        """Return it as Orris's library has it, as it stands now."""
        return Sweep.get(self.workspace, self.id)

    def get_best_run_by_primary_metric(
        self, include_failed: bool = True, include_canceled: bool = True, include_resume_from_runs: bool = True
    ) -> Run | None:
        """Return the child with the best value of the primary metric; None when none has logged it."""
        left_out = {"Failed"} if not include_failed else set()
        left_out |= {"Canceled", EARLY_STOPPED} if not include_canceled else set()
        for trial in self.to_sweep().get_trials(best_first=True):
            if trial.best_value is not None and trial.run_id and trial.status not in left_out:
                return Run.get(self.workspace, trial.run_id)
        return None

    def get_children_sorted_by_primary_metric(
        self, top: int = 0, reverse: bool = False, discard_no_metric: bool = False
    ) -> list[dict[str, Any]]:
        """Return the children, the best first: run_id, hyperparameters, best_primary_metric, status.

        `top` is how many, 0 for all; `reverse`: the worst first.
        """
        trials = self.to_sweep().get_trials(best_first=True)
        scored = [trial for trial in trials if trial.best_value is not None]
        without = [] if discard_no_metric else [trial for trial in trials if trial.best_value is None]
        ordered = [*(reversed(scored) if reverse else scored), *without]
        return [_described(trial) for trial in ordered[: top or None]]

    def get_hyperparameters(self) -> dict[str, str]:
        """Return the hyperparameters of each child as JSON, by its id."""
        return {trial.run_id: json.dumps(trial.hyperparameters) for trial in self.to_sweep().get_trials()}

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: Any = None, populate: bool = False
    ) -> dict[str, Any]:
        """Return the metrics of each child that has logged some, by its id."""
        return self.to_sweep().get_trial_metrics(name)

    def get_warm_start_runs(self) -> list[Run]:
        """Return the sweeps that it has learned from."""
        names = self.to_sweep().sweep_message.resume_from
        return [HyperDriveRun.get(self.workspace, name.rpartition("/")[2]) for name in names]

    def get_portal_url(self) -> str:
        """Return the command that shows the sweep: there is no page."""
        return f"orris sweeps show {self.id}"


def _described(trial: Trial) -> dict[str, Any]:
    return {
        "run_id": trial.run_id,
        "hyperparameters": json.dumps(trial.hyperparameters),
        "best_primary_metric": trial.best_value,
        "status": trial.status,
    }
