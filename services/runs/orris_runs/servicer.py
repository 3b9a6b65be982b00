"""Handlers of RunService."""

from collections.abc import AsyncIterator
from typing import Any

from orris.errors import PermissionDenied
from orris.names import ExperimentName, LogName, RunName, WorkspaceName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceServicer
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import page_size
from orris_runs.artifacts_client import Artifacts
from orris_runs.core import Core
from orris_runs.event_translation import point_message
from orris_runs.labels import Update
from orris_runs.reading import RunQuery
from orris_runs.submitting import Submitting
from orris_runs.translation import experiment_message, fitting, kinds, new_run, run_message, states
from orris_runs.watching import LogReader, watch_run

readers = allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT)
writers = allow(Role.USER, Role.SERVICE)


class RunServicer(RunServiceServicer):
    """Experiments and runs over gRPC."""

    def __init__(self, core: Core, submitting: Submitting, artifacts: Artifacts) -> None:
        self._core = core
        self._submitting = submitting
        self._logs = LogReader(core, artifacts)

    @writers
    async def CreateExperiment(self, request: pb.CreateExperimentRequest, context: Any) -> pb.CreateExperimentResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        made = await run_blocking(self._core.experiments.create, workspace, request.experiment_id)
        return pb.CreateExperimentResponse(experiment=experiment_message(made))

    @writers
    async def UpdateExperiment(self, request: pb.UpdateExperimentRequest, context: Any) -> pb.UpdateExperimentResponse:
        name = ExperimentName.parse(request.experiment.name, field="experiment.name")
        most = request.experiment.max_concurrent_runs
        updated = await run_blocking(self._core.experiments.update, name.workspace, name.experiment, most)
        return pb.UpdateExperimentResponse(experiment=experiment_message(updated))

    @readers
    async def GetExperiment(self, request: pb.GetExperimentRequest, context: Any) -> pb.GetExperimentResponse:
        name = ExperimentName.parse(request.name)
        found = await run_blocking(self._core.experiments.get, name.workspace, name.experiment)
        return pb.GetExperimentResponse(experiment=experiment_message(found))

    @readers
    async def ListExperiments(self, request: pb.ListExperimentsRequest, context: Any) -> pb.ListExperimentsResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        size = page_size(request.page_size, default=100)
        found, token = await run_blocking(self._core.experiments.list, workspace, size, request.page_token)
        return pb.ListExperimentsResponse(experiments=map(experiment_message, found), next_page_token=token)

    @writers
    async def CreateRun(self, request: pb.CreateRunRequest, context: Any) -> pb.CreateRunResponse:
        new = new_run(request.parent, request.run, current_principal().subject)
        payload = request.SerializeToString(deterministic=True) if request.request_id else b""
        return pb.CreateRunResponse(run=run_message(await self._submitting.submit(new, request.request_id, payload)))

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT, Role.RUN)
    async def GetRun(self, request: pb.GetRunRequest, context: Any) -> pb.GetRunResponse:
        name = RunName.parse(request.name)
        _refuse_other_runs(name)
        return pb.GetRunResponse(run=await self._get(name))

    @readers
    async def ListRuns(self, request: pb.ListRunsRequest, context: Any) -> pb.ListRunsResponse:
        size = page_size(request.page_size, default=100)
        page = await run_blocking(self._core.reading.page, _query(request), size, request.page_token)
        found = fitting(map(run_message, page.items))
        return pb.ListRunsResponse(runs=found, next_page_token=page.token_after(len(found)))

    @readers
    async def WatchRun(self, request: pb.WatchRunRequest, context: Any) -> AsyncIterator[pb.WatchRunResponse]:
        name = RunName.parse(request.name)
        async for run in until_draining(watch_run(self._core, name.workspace, name.run)):
            yield pb.WatchRunResponse(run=run_message(run))

    @writers
    async def CancelRun(self, request: pb.CancelRunRequest, context: Any) -> pb.CancelRunResponse:
        name, by = RunName.parse(request.name), current_principal().subject
        run = await run_blocking(self._core.cancellation.cancel, name.workspace, name.run, by, request.reason)
        return pb.CancelRunResponse(run=run_message(run))

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def UpdateRun(self, request: pb.UpdateRunRequest, context: Any) -> pb.UpdateRunResponse:
        name = RunName.parse(request.name)
        _refuse_other_runs(name)
        run = await run_blocking(self._core.labels.update, name.workspace, name.run, _update(request))
        return pb.UpdateRunResponse(run=run_message(run))

    @readers
    async def ListRunLogs(self, request: pb.ListRunLogsRequest, context: Any) -> pb.ListRunLogsResponse:
        name = RunName.parse(request.parent, field="parent")
        found = await run_blocking(self._core.logs.list, name.workspace, name.run)
        logs = [
            runs_pb2.RunLog(name=str(LogName(name.workspace, name.run, log.file)), size=log.size, complete=log.complete)
            for log in found
        ]
        return pb.ListRunLogsResponse(logs=logs)

    @readers
    async def ReadRunLog(self, request: pb.ReadRunLogRequest, context: Any) -> AsyncIterator[pb.ReadRunLogResponse]:
        pieces = self._logs.read(LogName.parse(request.name), request.offset, request.follow)
        async for offset, data, end in until_draining(pieces):
            yield pb.ReadRunLogResponse(offset=offset, data=data, end=end)

    @readers
    async def ListRunMetrics(self, request: pb.ListRunMetricsRequest, context: Any) -> pb.ListRunMetricsResponse:
        name = RunName.parse(request.parent, field="parent")
        size = page_size(request.page_size, default=1000, maximum=10_000)
        page = await run_blocking(
            self._core.events.list_metrics, name.workspace, name.run, request.metric, size, request.page_token
        )
        points = fitting(map(point_message, page.items))
        return pb.ListRunMetricsResponse(points=points, next_page_token=page.token_after(len(points)))

    async def _get(self, name: RunName) -> runs_pb2.Run:
        return run_message(await run_blocking(self._core.reading.get, name.workspace, name.run))


def _refuse_other_runs(name: RunName) -> None:
    """Raise PermissionDenied when the caller is a run, and another one than that of the name."""
    caller = current_principal()
    if caller.role is Role.RUN and caller.run != name.run:
        raise PermissionDenied("a run may see and change itself only", reason="OTHER_RUN")


def _query(request: pb.ListRunsRequest) -> RunQuery:
    whole = request.parent.count("/") < 2
    parent: Any = (WorkspaceName if whole else ExperimentName).parse(request.parent, field="parent")
    return RunQuery(
        parent.workspace,
        "" if whole else parent.experiment,
        states(request.states),
        kinds(request.kinds),
        dict(request.tags),
        dict(request.properties),
    )


def _update(request: pb.UpdateRunRequest) -> Update:
    return Update(
        dict(request.set_tags),
        list(request.remove_tags),
        dict(request.set_properties),
        request.display_name if request.HasField("display_name") else None,
    )
