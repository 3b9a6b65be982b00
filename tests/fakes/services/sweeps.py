"""Sweeps in memory: grids only, whose trials have all ended as soon as they begin, with the values that a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from orris.errors import NotFound
from orris.runs.v1 import runs_pb2, sweeps_pb2, sweeps_service_pb2
from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceServicer
from tests.fakes.services.runs import STD_LOG, FakeRuns

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_SweepServiceServicer: Any = SweepServiceServicer


class FakeSweeps(_SweepServiceServicer):
    """`value_of` returns what a trial of some hyperparameters logs, by default its number; None: nothing."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self.sweeps: dict[str, sweeps_pb2.Sweep] = {}
        self.trials: dict[str, list[sweeps_pb2.SweepTrial]] = {}
        self.value_of: Callable[[dict[str, Any]], float | None] = lambda values: float(len(str(values)))

    def CreateSweep(self, request: Any, context: Any) -> Any:
        sweep = request.sweep
        self._runs.artifacts.require(sweep.trial.snapshot)
        name = f"{request.parent}/runs/{sweep.run.experiment.rpartition('/')[2]}_1700000000_{len(self.sweeps):08x}"
        sweep.run.MergeFrom(runs_pb2.Run(name=name, kind=runs_pb2.RUN_KIND_SWEEP, state=runs_pb2.Run.STATE_COMPLETED))
        sweep.run.create_time.GetCurrentTime()
        self._runs.add(name)
        self._runs.runs[name] = sweep.run
        self._runs.write(name, b"Experiment created\n", STD_LOG)
        self._runs.end(name)
        choices = [[(each.name, value) for value in each.choice.values] for each in sweep.parameters]
        self.trials[name] = [self._trial(sweep, each) for each in enumerate(product(*choices))]
        scored = [each for each in self.trials[name] if each.HasField("best_value")]
        for trial in self.trials[name]:
            if trial not in scored:
                sweep.run.warnings.append(f"trial {trial.number} completed without logging {sweep.metric!r}")
        sign = 1 if sweep.goal == sweeps_pb2.Sweep.GOAL_MAXIMIZE else -1
        if scored:
            sweep.best.CopyFrom(max(scored, key=lambda each: sign * each.best_value))
        sweep.planned_trials = len(self.trials[name])
        sweep.counts.total = sweep.counts.completed = len(self.trials[name])
        self.sweeps[name] = sweep
        return sweeps_service_pb2.CreateSweepResponse(sweep=sweep)

    def _trial(self, sweep: sweeps_pb2.Sweep, numbered: tuple[int, Any]) -> sweeps_pb2.SweepTrial:
        number, pairs = numbered
        trial = sweeps_pb2.SweepTrial(number=number, run=f"{sweep.run.name}_{number}", interval=1)
        trial.state = runs_pb2.Run.STATE_COMPLETED
        for key, value in pairs:
            trial.hyperparameters[key].CopyFrom(value)
        value = self.value_of({key: getattr(each, each.WhichOneof("kind")) for key, each in pairs})
        if value is not None:
            trial.best_value = trial.last_value = value
        self._runs.add(trial.run)
        self._runs.end(trial.run, parent_run=sweep.run.name, experiment=sweep.run.experiment)
        return trial

    def GetSweep(self, request: Any, context: Any) -> Any:
        return sweeps_service_pb2.GetSweepResponse(sweep=self._sweep(request.name))

    def ListSweepTrials(self, request: Any, context: Any) -> Any:
        sweep = self._sweep(request.parent)
        trials = self.trials[request.parent]
        if request.best_first:
            sign = -1 if sweep.goal == sweeps_pb2.Sweep.GOAL_MAXIMIZE else 1
            trials = sorted(trials, key=lambda each: (not each.HasField("best_value"), sign * each.best_value))
        start = int(request.page_token or 0)
        token = str(start + 2) if start + 2 < len(trials) else ""  # small pages: who reads only the first shows it
        return sweeps_service_pb2.ListSweepTrialsResponse(trials=trials[start : start + 2], next_page_token=token)

    def ListSweepMetrics(self, request: Any, context: Any) -> Any:
        metric = self._sweep(request.parent).metric
        points = [
            sweeps_pb2.SweepMetricPoint(run=trial.run, point=_point(metric, trial.best_value))
            for trial in self.trials[request.parent]
            if trial.HasField("best_value")
        ]
        return sweeps_service_pb2.ListSweepMetricsResponse(points=points)

    def WatchSweep(self, request: Any, context: Any) -> Iterator[Any]:
        sweep, trials = self._sweep(request.name), self.trials[request.name]
        for count in range(0, len(trials), 2):
            yield sweeps_service_pb2.WatchSweepResponse(sweep=sweep, trials=trials[count : count + 2])
        yield sweeps_service_pb2.WatchSweepResponse(sweep=sweep, end=True)

    def _sweep(self, name: str) -> sweeps_pb2.Sweep:
        if name not in self.sweeps:
            raise NotFound(f"the run {name.rpartition('/')[2]} is no sweep", reason="SWEEP_NOT_FOUND")
        return self.sweeps[name]


def _point(metric: str, value: float) -> runs_pb2.MetricPoint:
    return runs_pb2.MetricPoint(
        metric=metric, type=runs_pb2.MetricPoint.TYPE_SCALAR, value=runs_pb2.MetricValue(number=value)
    )
