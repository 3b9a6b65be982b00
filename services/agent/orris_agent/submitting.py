"""Scripts that a run submits below itself, with the rights of the run's own token."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from orris import errors
from orris.names import EnvironmentName, EnvironmentVersionName, RunName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as service
from orris.sdk.entry_checks import MAX_ENTRIES
from orris.sdk.ignore import FILES
from orris.sdk.snapshot import DEFAULT_LIMIT
from orris_agent.beneath import Beneath
from orris_agent.children import known, run_named
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from orris_agent.sources import sources_of
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub

_LARGEST_PATTERNS = 1024 * 1024
# Those that are ignored included.
MAX_LISTED = 1_000_000


class Submitting:
    """Answers `submit_child`."""

    def __init__(self, runs: RunServiceAsyncStub, storage_of: Callable[[str], Storage]) -> None:
        self._runs = runs
        self._storage_of = storage_of

    async def submit_child(self, request: RunRequest) -> dict[str, Any]:
        """Submit a script below the run; return what is known of it.

        `parent`: the run itself, or one below it; `folder`: where in the run's folder its source is, none for the
        run's own snapshot. What is not given is as the run has it.
        """
        wanted, own, environment = request.parameters, request.lease.run, _environment(request)
        run = runs_pb2.Run(
            experiment=own.experiment,
            kind=runs_pb2.RUN_KIND_TRAINING,
            parent_run=run_named(request, wanted.get("parent") or RunName.parse(own.name).run),
            display_name=wanted.get("name") or "",
            script=wanted.get("script") or "",
            arguments=wanted.get("arguments") or [],
            command=wanted.get("command") or [],
            environment=environment,
            image="" if environment else own.image,
            environment_variables=wanted.get("environment_variables") or {},
            pool=wanted.get("pool") or own.pool,
            tags=wanted.get("tags") or {},
            isolation=own.isolation,
            resources=own.resources if own.HasField("resources") else None,
            network_disabled=own.network_disabled,
            priority=own.priority,
            snapshot=await self._snapshot(request),
        )
        if seconds := wanted.get("time_limit"):
            run.time_limit.FromNanoseconds(int(float(seconds) * 1e9))
        create = service.CreateRunRequest(
            parent=RunName.parse(own.name).parent, run=run, request_id=f"{request.id}-child"
        )
        return known((await self._runs.CreateRun(create, metadata=request.authorization)).run)

    async def _snapshot(self, request: RunRequest) -> str:
        folder = request.parameters.get("folder")
        if folder is None:
            return request.lease.run.snapshot
        files = await run_blocking(_source, request.folder.written, str(folder))
        return await self._storage_of(RunName.parse(request.lease.run.name).workspace).upload(files)


def _environment(request: RunRequest) -> str:
    """Return the environment's resource name: the run's own, or that of `NAME` (the latest) or `NAME:VERSION`."""
    wanted = request.parameters.get("environment")
    if not wanted:
        return request.lease.run.environment
    workspace = RunName.parse(request.lease.run.name).workspace
    name, colon, version = str(wanted).rpartition(":")
    return str(EnvironmentVersionName(workspace, name, version) if colon else EnvironmentName(workspace, str(wanted)))


def _source(written: Beneath, folder: str) -> dict[str, RunFile]:
    """Return the files of a source folder but for what its ignore file names. Raises InvalidArgument."""
    names = list(islice(written.files(folder), MAX_LISTED + 1))
    if len(names) > MAX_LISTED:
        raise _too_large(MAX_LISTED)
    found: dict[str, RunFile] = {}
    size = 0
    for path in sources_of(_patterns(written, folder), names):
        found[path] = RunFile(written, f"{folder}/{path}")
        size += found[path].size
        if len(found) > MAX_ENTRIES or size > DEFAULT_LIMIT:
            raise _too_large(MAX_ENTRIES)
    if not found:
        raise errors.InvalidArgument("source_directory: there are no files in it", field="source_directory")
    return found


def _too_large(most: int) -> errors.InvalidArgument:
    message = (
        f"source_directory: it has more than {most} files or {DEFAULT_LIMIT // 1024**2} MB; name what the child does "
        "not need in its .amlignore, or give it a folder with less in it"
    )
    return errors.InvalidArgument(message, field="source_directory", reason="SNAPSHOT_TOO_LARGE")


def _patterns(written: Beneath, folder: str) -> list[str]:
    for name in FILES:
        try:
            text = written.read(f"{folder}/{name}", 0, _LARGEST_PATTERNS).decode("utf-8-sig")
        except OSError:
            continue
        except UnicodeDecodeError as error:
            raise errors.InvalidArgument(f"{name}: {error}; correct the pattern", field=name) from error
        return text.splitlines()
    return []
