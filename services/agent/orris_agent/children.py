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
from orris.sdk.spelling import spell
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub

MOST_AT_ONCE = 1000
MOST_LISTED = 10_000
_ATTEMPTS = 10


class Children:
    """Answers `create_children`, `get_children` and `keep_child_files`."""

    def __init__(self, runs: RunServiceAsyncStub, storage_of: Callable[[str], Storage]) -> None:
        self._runs = runs
        self._storage_of = storage_of

    async def create_children(self, request: RunRequest) -> dict[str, Any]:
        """Begin interactive runs below the run, or below one that is; return what is known of each."""
        wanted = request.parameters["children"]
        if not isinstance(wanted, list) or len(wanted) > MOST_AT_ONCE:
            raise errors.InvalidArgument(f"children: a list of at most {MOST_AT_ONCE}.", field="children")
        parent = _named(request, request.parameters.get("parent") or _own(request).run)
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
        return {"runs": list(map(_known, made))}

    async def get_children(self, request: RunRequest) -> dict[str, Any]:
        """Return what is known of the runs below a run, newest first; `recursive`: each followed by those below it."""
        parameters = request.parameters
        found: list[runs_pb2.Run] = []
        await self._list(request, _named(request, parameters.get("run") or _own(request).run), found)
        return {"runs": list(map(_known, found))}

    async def keep_child_files(self, request: RunRequest) -> dict[str, Any]:
        """Store the files that a child has in the run's folder, and let it keep these."""
        child = RunName.parse(_named(request, request.parameters["child"])).run
        files = await run_blocking(_files, request, child)
        tree = await self._storage_of(_own(request).workspace).upload(files)
        for attempt in range(_ATTEMPTS):
            wanted = service.GetRunRequest(name=_named(request, child))
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


def _named(request: RunRequest, run_id: str) -> str:
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


def _known(run: runs_pb2.Run) -> dict[str, Any]:
    return {
        "id": RunName.parse(run.name).run,
        "name": run.display_name,
        "experiment": ExperimentName.parse(run.experiment).experiment,
        "status": spell(runs_pb2.Run.State.DESCRIPTOR, run.state),
        "tags": dict(run.tags),
        "properties": dict(run.properties),
    }
