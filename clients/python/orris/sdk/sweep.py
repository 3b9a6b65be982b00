"""A sweep: a run whose children are trials of one script with other hyperparameters each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from orris.names import RunName
from orris.runs.v1 import runs_pb2, sweeps_pb2, sweeps_service_pb2
from orris.sdk.paging import pages
from orris.sdk.run import FINAL, Run
from orris.sdk.spelling import moment, spell
from orris.sdk.sweep_space import Value, values_of

if TYPE_CHECKING:
    from orris.sdk.experiment import Experiment
    from orris.sdk.sweep_config import SweepConfig
    from orris.sdk.workspace import Workspace

EARLY_STOPPED = "EarlyStopped"
METRICS_PAGE = 10_000


@dataclass(frozen=True)
class Trial:
    """One run of a sweep. `best_value` and `last_value` are of the metric, None before it was logged.

    `status` is Azure's spelling, and "EarlyStopped" where the sweep's policy ended it; `reason` says why it is there.
    """

    number: int
    run_id: str
    hyperparameters: dict[str, Value]
    status: str
    early_stopped: str
    best_value: float | None
    last_value: float | None
    interval: int
    started: datetime | None
    ended: datetime | None
    reason: str
    finished: bool


class Sweep(Run):
    """A sweep as it was last seen. It is a run, too: canceled, archived, deleted, its log read like that of any."""

    def __init__(self, workspace: Workspace, sweep: sweeps_pb2.Sweep) -> None:
        super().__init__(workspace, sweep.run)
        self.sweep_message = sweep

    @classmethod
    def get(cls, workspace: Workspace, run_id: str) -> Sweep:
        """Return the sweep of that id. Raises NotFound."""
        request = sweeps_service_pb2.GetSweepRequest(name=str(RunName(workspace.name, run_id)))
        return cls(workspace, workspace.connection.sweeps.GetSweep(request).sweep)

    def refresh(self) -> Sweep:
        """Ask the server how it stands now, and return it. Raises NotFound."""
        request = sweeps_service_pb2.GetSweepRequest(name=self.resource_name)
        self._see(self.workspace.connection.sweeps.GetSweep(request).sweep)
        return self

    @property
    def metric(self) -> str:
        """The name of the metric that is compared."""
        return self.sweep_message.metric

    @property
    def best(self) -> Trial | None:
        """The best trial when last seen; None before one has logged the metric."""
        return trial_of(self.sweep_message.best) if self.sweep_message.HasField("best") else None

    def get_trials(self, *, best_first: bool = False) -> list[Trial]:
        """Return all trials as they stand, in order, or the best first and those without the metric last."""
        request = sweeps_service_pb2.ListSweepTrialsRequest(parent=self.resource_name, best_first=best_first)
        found = pages(self.workspace.connection.sweeps.ListSweepTrials, request, lambda page: page.trials)
        return list(map(trial_of, found))

    def get_best_run(self) -> Run | None:
        """Return the run of the best trial as it stands; None before one has logged the metric."""
        best = self.refresh().best
        return None if best is None or not best.run_id else Run.get(self.workspace, best.run_id)

    def get_trial_metrics(self, name: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the metrics of all trials, or only the one called `name`, by their runs' ids, in one list."""
        from orris.sdk.run_metrics import shape

        request = sweeps_service_pb2.ListSweepMetricsRequest(
            parent=self.resource_name, metric=name or "", page_size=METRICS_PAGE
        )
        points = pages(self.workspace.connection.sweeps.ListSweepMetrics, request, lambda page: page.points)
        by_run = groupby(points, lambda each: each.run.rpartition("/")[2])
        return {run_id: shape((each.point for each in its), run_id) for run_id, its in by_run}

    def watch(self) -> Iterator[dict[int, Trial]]:
        """Yield all trials by number whenever some have changed, until the sweep is over. This object changes along."""
        from orris.sdk.streams import watch

        request = sweeps_service_pb2.WatchSweepRequest(name=self.resource_name)
        stub = self.workspace.connection.sweeps
        trials: dict[int, Trial] = {}
        for message in watch(lambda: stub.WatchSweep(request), lambda message: message.end):
            self._see(message.sweep)
            trials.update((each.number, trial_of(each)) for each in message.trials)
            yield dict(trials)

    def _see(self, sweep: sweeps_pb2.Sweep) -> None:
        self.sweep_message, self.message = sweep, sweep.run

    def __repr__(self) -> str:
        return f"Sweep(id={self.id!r}, status={self.status!r})"


def begin(experiment: Experiment, config: SweepConfig, tags: Mapping[str, str]) -> Sweep:
    """Upload, register, create. Raises InvalidArgument and NotFound before anything is created."""
    from orris.sdk.submission import described, with_snapshot

    workspace = experiment.workspace
    message = config.to_message(workspace)
    message.trial.CopyFrom(described(experiment, config.script, {}))
    message.run.display_name = message.trial.display_name
    message.trial.display_name = ""
    message.run.experiment = experiment.resource_name
    message.run.tags.update({key: str(value) for key, value in tags.items()})
    message.run.properties.update(message.trial.properties)
    request = sweeps_service_pb2.CreateSweepRequest(
        parent=workspace.resource_name, sweep=message, request_id=uuid.uuid4().hex
    )
    stub = workspace.connection.sweeps
    made = with_snapshot(workspace, config.script, request.sweep.trial, lambda: stub.CreateSweep(request))
    return Sweep(workspace, made.sweep)


def trial_of(message: sweeps_pb2.SweepTrial) -> Trial:
    """Return a trial's message as a trial."""
    stopped = message.early_stopped and message.state == runs_pb2.Run.STATE_CANCELED
    return Trial(
        number=message.number,
        run_id=message.run.rpartition("/")[2],
        hyperparameters=values_of(message.hyperparameters),
        status=EARLY_STOPPED if stopped else spell(runs_pb2.Run.State.DESCRIPTOR, message.state),
        early_stopped=message.early_stopped,
        best_value=message.best_value if message.HasField("best_value") else None,
        last_value=message.last_value if message.HasField("last_value") else None,
        interval=message.interval,
        started=moment(message.start_time),
        ended=moment(message.end_time),
        reason=message.reason,
        finished=message.state in FINAL,
    )
