"""End all runs before an instance stops: nothing of it is left running behind the user's back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import OrrisError
from orris.runs.v1 import runs_pb2 as runs
from orris.runs.v1 import runs_service_pb2, workspaces_service_pb2
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceStub
from orris_kit.client import connect, token_from
from orris_kit.logging import get_logger
from orris_standalone.instance import Instance

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub
    from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceAsyncStub

log = get_logger(__name__)

REASON = "the instance was stopped"
_LONGEST_WAIT = 15.0  # seconds; a run that ignores SIGTERM is killed after five
_EXECUTED = (
    runs.Run.STATE_RUNNING,
    runs.Run.STATE_FINALIZING,
    runs.Run.STATE_CANCEL_REQUESTED,
    runs.Run.STATE_NOT_RESPONDING,
)
_KINDS = (runs.RUN_KIND_SWEEP, runs.RUN_KIND_TRAINING, runs.RUN_KIND_CONVERSION, runs.RUN_KIND_REPLICA)


async def end_all_runs(here: Instance) -> None:
    """Cancel what is executed and wait for its end. Runs in the queue stay there for the next start."""
    async with connect(here.address, token_from(Path(here.token_file))) as channel:
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                await _end(RunServiceStub(channel), WorkspaceServiceStub(channel))
        except (TimeoutError, OrrisError):
            log.exception("runs are still executed")


async def end_all_nodes() -> str:
    """End the nodes of all pools, on machines of others too. Return what may go on, and how that is ended."""
    from orris_runs.config import Settings
    from orris_runs.engines.ending import end_nodes

    left = await asyncio.to_thread(end_nodes, Settings().surroundings)
    if left:
        log.warning("not all nodes have ended", what=left)
    return left


async def _end(service: RunServiceAsyncStub, workspaces: WorkspaceServiceAsyncStub) -> None:
    listed = await workspaces.ListWorkspaces(workspaces_service_pb2.ListWorkspacesRequest(page_size=1000))
    names = [await _executed(service, workspace.name) for workspace in listed.workspaces]
    await asyncio.gather(*(_cancel(service, name) for group in names for name in group))


async def _executed(service: RunServiceAsyncStub, workspace: str) -> list[str]:
    request = runs_service_pb2.ListRunsRequest(parent=workspace, states=_EXECUTED, kinds=_KINDS, page_size=1000)
    return [run.name for run in (await service.ListRuns(request)).runs]


async def _cancel(service: RunServiceAsyncStub, name: str) -> None:
    await service.CancelRun(runs_service_pb2.CancelRunRequest(name=name, reason=REASON))
    async for _ in service.WatchRun(runs_service_pb2.WatchRunRequest(name=name)):
        pass
