"""The runs below a run, begun and asked for from inside of it, with the rights of the run's own token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orris import errors
from orris.names import ExperimentName, RunName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as service
from orris.sdk.entry_checks import MAX_ENTRIES
from orris.sdk.run_list import state_number
from orris.sdk.run_metrics import shape
from orris.sdk.spelling import spell
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub

MOST_AT_ONCE = 1000
MOST_LISTED = 10_000
METRICS_PAGE, MOST_POINTS = 10_000, 100_000
_ATTEMPTS = 10


class Children:
    """Answers requests about runs below the run: all methods but the private ones."""

    def __init__(self, runs: RunServiceAsyncStub, storage_of: Callable[[str], Storage]) -> None:
        self._runs = runs
        self._storage_of = storage_of

    async def create_children(self, request: RunRequest) -> dict[str, Any]:
        """Begin interactive runs below the run, or below one that is; return what is known of each."""
        wanted = request.parameters["children"]
        if not isinstance(wanted, list) or len(wanted) > MOST_AT_ONCE:
            raise errors.InvalidArgument(f"children: a list of at most {MOST_AT_ONCE}.", field="children")
        parent = run_named(request, request.parameters.get("parent") or _own(request).run)
        made = []
        for number, each in enumerate(wanted):
            run = runs_pb2.Run(
                experiment=request.lease.run.experiment,
                kind=runs_pb2.RUN_KIND_INTERACTIVE,
                parent_run=parent,
                display_name=each.get("name") or "",
                tags=each.get("tags") or {},
            )
            create = service.CreateRunRequest(parent=_own(request).parent, run=run, request_id=f"{request.id}-{number}")
            made.append((await self._runs.CreateRun(create, metadata=request.authorization)).run)
        return {"runs": list(map(known, made))}

    async def get_children(self, request: RunRequest) -> dict[str, Any]:
        """Return what is known of the runs below a run, newest first; `recursive`: each followed by those below it."""
        parameters = request.parameters
        found: list[runs_pb2.Run] = []
        await self._list(request, run_named(request, parameters.get("run") or _own(request).run), found)
        return {"runs": list(map(known, found))}

    async def get_child(self, request: RunRequest) -> dict[str, Any]:
        """Return what is known of a run below the run by now."""
        wanted = service.GetRunRequest(name=run_named(request, request.parameters["run"]))
        return known((await self._runs.GetRun(wanted, metadata=request.authorization)).run)

    async def get_child_metrics(self, request: RunRequest) -> dict[str, Any]:
        """Return the metrics of a run below the run in Azure's shapes; `name`: only the one called so."""
        run_id = str(request.parameters["run"])
        listing = service.ListRunMetricsRequest(
            parent=run_named(request, run_id), metric=request.parameters.get("name") or "", page_size=METRICS_PAGE
        )
        points: list[runs_pb2.MetricPoint] = []
        while True:
            page = await self._runs.ListRunMetrics(listing, metadata=request.authorization)
            points += page.points
            if not page.next_page_token or len(points) >= MOST_POINTS:
                return {"metrics": shape(points[:MOST_POINTS], run_id)}
            listing.page_token = page.next_page_token

    async def cancel_child(self, request: RunRequest) -> dict[str, Any]:
        """Ask for a run below the run to be canceled."""
        cancel = service.CancelRunRequest(name=run_named(request, request.parameters["run"]))
        return known((await self._runs.CancelRun(cancel, metadata=request.authorization)).run)

    async def keep_child_files(self, request: RunRequest) -> dict[str, Any]:
        """Store the files that a child has in the run's folder, and let it keep these."""
        child = RunName.parse(run_named(request, request.parameters["child"])).run
        files = await run_blocking(_files, request, child)
        tree = await self._storage_of(_own(request).workspace).upload(files)
        for attempt in range(_ATTEMPTS):
            wanted = service.GetRunRequest(name=run_named(request, child))
            before = (await self._runs.GetRun(wanted, metadata=request.authorization)).run.outputs
            keep = service.KeepRunFilesRequest(name=wanted.name, outputs=tree, previous_outputs=before)
            try:
                await self._runs.KeepRunFiles(keep, metadata=request.authorization)
                break
            except errors.Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
        return {}

    async def _list(self, request: RunRequest, parent: str, found: list[runs_pb2.Run]) -> None:
        parameters = request.parameters
        recursive, status = bool(parameters.get("recursive")), parameters.get("status")
        listing = service.ListRunsRequest(
            parent=_own(request).parent,
            parent_run=parent,
            view=runs_pb2.ARCHIVE_VIEW_ALL,
            page_size=1000,
            # With those below them, all are looked at: a child that is not wanted may have one that is.
            tags={} if recursive else parameters.get("tags") or {},
            properties={} if recursive else parameters.get("properties") or {},
            states=[state_number(status)] if status and not recursive else [],
        )
        while len(found) < MOST_LISTED:
            page = await self._runs.ListRuns(listing, metadata=request.authorization)
            for run in page.runs:
                if not recursive or _is_wanted(run, parameters):
                    found.append(run)
                if recursive:
                    await self._list(request, run.name, found)
            if not page.next_page_token:
                return
            listing.page_token = page.next_page_token


def _own(request: RunRequest) -> RunName:
    return RunName.parse(request.lease.run.name)


def run_named(request: RunRequest, run_id: object) -> str:
    """Return the resource name of a run of the same workspace. Raises InvalidArgument when the id cannot be one."""
    name = str(RunName(_own(request).workspace, str(run_id)))
    return str(RunName.parse(name, field="run"))


def _files(request: RunRequest, child: str) -> dict[str, RunFile]:
    top, written = f"children/{child}/files", request.folder.written
    found: dict[str, RunFile] = {}
    for path in written.files(top):
        if len(found) == MAX_ENTRIES:
            break
        found[path] = RunFile(written, f"{top}/{path}")
    return found


def _is_wanted(run: runs_pb2.Run, parameters: dict[str, Any]) -> bool:
    for name, has in (("tags", run.tags), ("properties", run.properties)):
        for key, value in (parameters.get(name) or {}).items():
            if key not in has or (value and has[key] != value):
                return False
    status = parameters.get("status")
    return not status or run.state == state_number(status)


def known(run: runs_pb2.Run) -> dict[str, Any]:
    """Return what a program is told of a run."""
    return {
        "id": RunName.parse(run.name).run,
        "name": run.display_name,
        "experiment": ExperimentName.parse(run.experiment).experiment,
        "status": spell(runs_pb2.Run.State.DESCRIPTOR, run.state),
        "error": run.error.message,
        "tags": dict(run.tags),
        "properties": dict(run.properties),
    }
