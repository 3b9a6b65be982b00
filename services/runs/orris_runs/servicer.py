"""Handlers of RunService."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

from orris.errors import InvalidArgument, PermissionDenied
from orris.names import DatasetVersionName, ExperimentName, LogName, RunName, WorkspaceName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceServicer
from orris_kit import tracing
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import page_size
from orris_runs.artifacts_client import Artifacts
from orris_runs.core import Core
from orris_runs.event_translation import event, point_message, summary_message
from orris_runs.labels import Update
from orris_runs.limits import EVENTS
from orris_runs.model import Kind
from orris_runs.reading import RunQuery
from orris_runs.submitting import Submitting
from orris_runs.translation import (
    archived,
    duration,
    experiment_message,
    fitting,
    kinds,
    log_messages,
    new_run,
    run_error,
    run_message,
    states,
)
from orris_runs.usage_translation import sample_message
from orris_runs.watching import LogReader, watch_end, watch_run

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
        shown = archived(request.view)
        found, token = await run_blocking(self._core.experiments.list, workspace, size, request.page_token, shown)
        return pb.ListExperimentsResponse(experiments=map(experiment_message, found), next_page_token=token)

    @writers
    async def ArchiveExperiment(
        self, request: pb.ArchiveExperimentRequest, context: Any
    ) -> pb.ArchiveExperimentResponse:
        name = ExperimentName.parse(request.name)
        found = await run_blocking(self._core.experiments.set_archived, name.workspace, name.experiment, True)
        return pb.ArchiveExperimentResponse(experiment=experiment_message(found))

    @writers
    async def UnarchiveExperiment(
        self, request: pb.UnarchiveExperimentRequest, context: Any
    ) -> pb.UnarchiveExperimentResponse:
        name = ExperimentName.parse(request.name)
        found = await run_blocking(self._core.experiments.set_archived, name.workspace, name.experiment, False)
        return pb.UnarchiveExperimentResponse(experiment=experiment_message(found))

    @writers
    async def DeleteExperiment(self, request: pb.DeleteExperimentRequest, context: Any) -> pb.DeleteExperimentResponse:
        name = ExperimentName.parse(request.name)
        await run_blocking(self._core.experiments.delete, name.workspace, name.experiment)
        return pb.DeleteExperimentResponse()

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def CreateRun(self, request: pb.CreateRunRequest, context: Any) -> pb.CreateRunResponse:
        new = new_run(request.parent, request.run, current_principal().subject)
        new = replace(new, program=replace(new.program, trace=tracing.current()))
        if (caller := current_principal()).role is Role.RUN:
            new = await run_blocking(self._core.children.as_begun_by, caller.run or "", new)
        payload = request.SerializeToString(deterministic=True) if request.request_id else b""
        if new.kind is Kind.INTERACTIVE:
            run, own = await self._submitting.begin(new, request.session, caller.run, request.request_id, payload)
            patience = duration(self._core.interactive.times.patience)
            return pb.CreateRunResponse(run=run_message(run), session=own, patience=patience)
        return pb.CreateRunResponse(run=run_message(await self._submitting.submit(new, request.request_id, payload)))

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT, Role.RUN)
    async def GetRun(self, request: pb.GetRunRequest, context: Any) -> pb.GetRunResponse:
        name = RunName.parse(request.name)
        await self._refuse_other_runs(name)
        return pb.GetRunResponse(run=await self._get(name))

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT, Role.RUN)
    async def ListRuns(self, request: pb.ListRunsRequest, context: Any) -> pb.ListRunsResponse:
        if current_principal().role is Role.RUN:
            if not request.parent_run:
                raise PermissionDenied("a run may list its own children only", reason="OTHER_RUN")
            await self._refuse_other_runs(RunName.parse(request.parent_run, field="parent_run"))
        size = page_size(request.page_size, default=100)
        page = await run_blocking(self._core.reading.page, _query(request), size, request.page_token)
        found = fitting(map(run_message, page.items))
        return pb.ListRunsResponse(runs=found, next_page_token=page.token_after(len(found)))

    @readers
    async def WatchRun(self, request: pb.WatchRunRequest, context: Any) -> AsyncIterator[pb.WatchRunResponse]:
        name = RunName.parse(request.name)
        watched = (watch_end if request.final_only else watch_run)(self._core, name.workspace, name.run)
        async for run, logs in until_draining(watched):
            yield pb.WatchRunResponse(run=run_message(run), logs=log_messages(name, logs))

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def CancelRun(self, request: pb.CancelRunRequest, context: Any) -> pb.CancelRunResponse:
        name, by = RunName.parse(request.name), current_principal().subject
        await self._refuse_other_runs(name, but_itself=False)
        run = await run_blocking(self._core.cancellation.cancel, name.workspace, name.run, by, request.reason)
        return pb.CancelRunResponse(run=run_message(run))

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def UpdateRun(self, request: pb.UpdateRunRequest, context: Any) -> pb.UpdateRunResponse:
        name = RunName.parse(request.name)
        await self._refuse_other_runs(name)
        run = await run_blocking(self._core.labels.update, name.workspace, name.run, _update(request))
        return pb.UpdateRunResponse(run=run_message(run))

    @readers
    async def ListRunLogs(self, request: pb.ListRunLogsRequest, context: Any) -> pb.ListRunLogsResponse:
        name = RunName.parse(request.parent, field="parent")
        found = await run_blocking(self._core.logs.list, name.workspace, name.run)
        return pb.ListRunLogsResponse(logs=log_messages(name, found))

    @readers
    async def ReadRunLog(self, request: pb.ReadRunLogRequest, context: Any) -> AsyncIterator[pb.ReadRunLogResponse]:
        pieces = self._logs.read(LogName.parse(request.name), request.offset, request.follow)
        async for offset, data, end in until_draining(pieces):
            yield pb.ReadRunLogResponse(offset=offset, data=data, end=end)

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT, Role.RUN)
    async def ListRunMetrics(self, request: pb.ListRunMetricsRequest, context: Any) -> pb.ListRunMetricsResponse:
        name = RunName.parse(request.parent, field="parent")
        await self._refuse_other_runs(name)
        size = page_size(request.page_size, default=1000, maximum=10_000)
        page = await run_blocking(
            self._core.events.list_metrics, name.workspace, name.run, request.metric, size, request.page_token
        )
        points = fitting(map(point_message, page.items))
        return pb.ListRunMetricsResponse(points=points, next_page_token=page.token_after(len(points)))

    @readers
    async def ListRunUsage(self, request: pb.ListRunUsageRequest, context: Any) -> pb.ListRunUsageResponse:
        name = RunName.parse(request.parent, field="parent")
        found = await run_blocking(self._core.usage.list, name.workspace, name.run)
        return pb.ListRunUsageResponse(samples=map(sample_message, found))

    @readers
    async def SummarizeRunMetrics(
        self, request: pb.SummarizeRunMetricsRequest, context: Any
    ) -> pb.SummarizeRunMetricsResponse:
        name = RunName.parse(request.parent, field="parent")
        size = page_size(request.page_size, default=100)
        page = await run_blocking(self._core.summaries.page, name.workspace, name.run, size, request.page_token)
        found = fitting(map(summary_message, page.items))
        return pb.SummarizeRunMetricsResponse(metrics=found, next_page_token=page.token_after(len(found)))

    @writers
    async def RenewRun(self, request: pb.RenewRunRequest, context: Any) -> pb.RenewRunResponse:
        name = RunName.parse(request.name)
        run = await run_blocking(self._core.interactive.renew, name.workspace, name.run, request.session)
        return pb.RenewRunResponse(run=run_message(run))

    @writers
    async def RecordRunEvents(self, request: pb.RecordRunEventsRequest, context: Any) -> pb.RecordRunEventsResponse:
        name = RunName.parse(request.name)
        if len(request.events) > EVENTS:
            raise InvalidArgument(f"events: at most {EVENTS} at a time", field="events")
        record = partial(self._core.interactive.record, name.workspace, name.run, request.session)
        following = await run_blocking(record, request.first_sequence, [event(each) for each in request.events])
        return pb.RecordRunEventsResponse(next_sequence=following)

    @writers
    async def EndRun(self, request: pb.EndRunRequest, context: Any) -> pb.EndRunResponse:
        name = RunName.parse(request.name)
        error = run_error(request.error) if request.HasField("error") else None
        end = partial(self._core.interactive.end, name.workspace, name.run, request.session)
        return pb.EndRunResponse(run=run_message(await run_blocking(end, states([request.state])[0], error)))

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def KeepRunFiles(self, request: pb.KeepRunFilesRequest, context: Any) -> pb.KeepRunFilesResponse:
        name = RunName.parse(request.name)
        await self._refuse_other_runs(name)
        run = await self._submitting.keep(name, request.outputs, request.previous_outputs)
        return pb.KeepRunFilesResponse(run=run_message(run))

    @writers
    async def ArchiveRun(self, request: pb.ArchiveRunRequest, context: Any) -> pb.ArchiveRunResponse:
        name = RunName.parse(request.name)
        run = await run_blocking(self._core.deletion.set_archived, name.workspace, name.run, True)
        return pb.ArchiveRunResponse(run=run_message(run))

    @writers
    async def UnarchiveRun(self, request: pb.UnarchiveRunRequest, context: Any) -> pb.UnarchiveRunResponse:
        name = RunName.parse(request.name)
        run = await run_blocking(self._core.deletion.set_archived, name.workspace, name.run, False)
        return pb.UnarchiveRunResponse(run=run_message(run))

    @writers
    async def DeleteRun(self, request: pb.DeleteRunRequest, context: Any) -> pb.DeleteRunResponse:
        name = RunName.parse(request.name)
        delete = partial(self._core.deletion.delete, name.workspace, name.run, children=request.children)
        await run_blocking(delete)
        return pb.DeleteRunResponse()

    async def _get(self, name: RunName) -> runs_pb2.Run:
        return run_message(await run_blocking(self._core.reading.get, name.workspace, name.run))

    async def _refuse_other_runs(self, name: RunName, *, but_itself: bool = True) -> None:
        """Raise PermissionDenied when the caller is a run, and the name that of one that is not itself or below it."""
        caller = current_principal()
        if caller.role is not Role.RUN or (but_itself and caller.run == name.run):
            return
        if not await run_blocking(self._core.reading.is_below, name, caller.run or ""):
            raise PermissionDenied("a run may see and change itself and its children only", reason="OTHER_RUN")


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
        _checked_parent(request.parent_run, parent.workspace),
        archived(request.view),
        request.roots_only,
        _checked_dataset(request.dataset, parent.workspace),
    )


def _checked_parent(name: str, workspace: str) -> str:
    if name and RunName.parse(name, field="parent_run").workspace != workspace:
        raise InvalidArgument("parent_run is of another workspace", field="parent_run")
    return name


def _checked_dataset(name: str, workspace: str) -> str:
    if name and DatasetVersionName.parse(name, field="dataset").workspace != workspace:
        raise InvalidArgument("dataset is of another workspace", field="dataset")
    return name


def _update(request: pb.UpdateRunRequest) -> Update:
    return Update(
        dict(request.set_tags),
        list(request.remove_tags),
        dict(request.set_properties),
        request.display_name if request.HasField("display_name") else None,
    )
