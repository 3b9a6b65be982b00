"""Handlers of SweepService."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from orris.names import RunName
from orris.runs.v1 import sweeps_pb2
from orris.runs.v1 import sweeps_service_pb2 as pb
from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceServicer
from orris_kit import tracing
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import after_key, page_size, page_token
from orris_runs.core import Core
from orris_runs.event_translation import point_message
from orris_runs.submitting import Submitting
from orris_runs.sweep_translation import new_sweep, sweep_message, trial_message
from orris_runs.sweep_watching import watch_sweep
from orris_runs.sweeps.sweeps import Sweep
from orris_runs.sweeps.trials import best_first
from orris_runs.translation import fitting

readers = allow(Role.USER, Role.READER, Role.SERVICE)


class SweepServicer(SweepServiceServicer):
    """Sweeps over gRPC."""

    def __init__(self, core: Core, submitting: Submitting) -> None:
        self._core = core
        self._submitting = submitting

    @allow(Role.USER, Role.SERVICE)
    async def CreateSweep(self, request: pb.CreateSweepRequest, context: Any) -> pb.CreateSweepResponse:
        plan, run = new_sweep(request.parent, request.sweep, current_principal().subject)
        traced = replace(plan.trial, program=replace(plan.trial.program, trace=tracing.current()))
        payload = request.SerializeToString(deterministic=True) if request.request_id else b""
        made = await self._submitting.begin_sweep(replace(plan, trial=traced), run, request.request_id, payload)
        return pb.CreateSweepResponse(sweep=sweep_message(await self._get(RunName(run.workspace, made))))

    @readers
    async def GetSweep(self, request: pb.GetSweepRequest, context: Any) -> pb.GetSweepResponse:
        return pb.GetSweepResponse(sweep=sweep_message(await self._get(RunName.parse(request.name))))

    @readers
    async def ListSweepTrials(self, request: pb.ListSweepTrialsRequest, context: Any) -> pb.ListSweepTrialsResponse:
        sweep = await self._get(RunName.parse(request.parent, field="parent"))
        query = {"list": "trials", "sweep": sweep.run.name, "best_first": request.best_first}
        after = after_key(request.page_token, query, int)
        first = int(after[0] or 0) if after else 0
        size = page_size(request.page_size, default=1000)
        ordered = best_first(sweep.plan, sweep.trials) if request.best_first else sweep.trials
        found = fitting(map(trial_message, ordered[first : first + size]))
        following = first + len(found)
        token = page_token((following,), query) if following < len(ordered) else ""
        return pb.ListSweepTrialsResponse(trials=found, next_page_token=token)

    @readers
    async def ListSweepMetrics(self, request: pb.ListSweepMetricsRequest, context: Any) -> pb.ListSweepMetricsResponse:
        name = RunName.parse(request.parent, field="parent")
        size = page_size(request.page_size, default=1000, maximum=10_000)
        list_metrics = self._core.sweeps.list_metrics
        page = await run_blocking(list_metrics, name.workspace, name.run, request.metric, size, request.page_token)
        points = fitting(
            sweeps_pb2.SweepMetricPoint(run=str(RunName(name.workspace, run)), point=point_message(point))
            for _, run, point in page.items
        )
        return pb.ListSweepMetricsResponse(points=points, next_page_token=page.token_after(len(points)))

    @readers
    async def WatchSweep(self, request: pb.WatchSweepRequest, context: Any) -> AsyncIterator[pb.WatchSweepResponse]:
        name = RunName.parse(request.name)
        async for sweep, changed, end in until_draining(watch_sweep(self._core, name)):
            trials = [trial_message(trial) for trial in changed]
            while len(some := fitting(trials)) < len(trials):
                yield pb.WatchSweepResponse(sweep=sweep_message(sweep), trials=some)
                trials = trials[len(some) :]
            yield pb.WatchSweepResponse(sweep=sweep_message(sweep), trials=trials, end=end)

    async def _get(self, name: RunName) -> Sweep:
        return await run_blocking(self._core.sweeps.get, name.workspace, name.run)
