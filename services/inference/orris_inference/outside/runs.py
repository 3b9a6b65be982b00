"""What inference needs of the runs service: replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orris.errors import NotFound, OrrisError
from orris.names import LogName, RunName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris_inference.model import Isolation, Resources
from orris_inference.resources import ISOLATIONS, resources_message
from orris_inference.served import Program

if TYPE_CHECKING:
    import grpc

    from orris.runs.v1.runs_service_pb2_grpc import RunServiceAsyncStub

SERVICE = runs_service_pb2.DESCRIPTOR.services_by_name["RunService"]
STD_LOG = "user_logs/std_log.txt"
RETRY_SECONDS = 1.0
_R = runs_pb2.Run
_WAITING = {_R.STATE_QUEUED, _R.STATE_PROVISIONING}
_FINAL = {_R.STATE_COMPLETED, _R.STATE_FAILED, _R.STATE_CANCELED}
_E = runs_pb2.RunError
_USERS = {_E.CODE_USER_PROGRAM, _E.CODE_ENVIRONMENT, _E.CODE_TIME_LIMIT}


class Stage(StrEnum):
    """Where a replica's run stands. WAITING: for a place."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica's run. `reason`: what it waits for, or why it ended. `users_fault`: another attempt is no help."""

    run: str
    stage: Stage
    address: str = ""
    reason: str = ""
    details: str = ""
    users_fault: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What a replica is to be: what it runs, with which secret variables, where, within which limits."""

    workspace: str
    experiment: str
    program: Program
    secrets: dict[str, str]
    label: str
    properties: dict[str, str]
    request_id: str
    pool: str = ""
    resources: Resources | None = None
    isolation: Isolation = Isolation.AGENTS


class Runs:
    """The runs service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: RunServiceAsyncStub = RunServiceStub(channel)

    async def start(self, order: Order) -> str:
        """Create a replica's run; return its name. The same request id gives the same run."""
        program = order.program
        run = runs_pb2.Run(
            display_name=order.label,
            experiment=order.experiment,
            kind=runs_pb2.RUN_KIND_REPLICA,
            script=program.script,
            arguments=program.arguments,
            snapshot=program.snapshot,
            image=program.image,
            environment=program.environment,
            environment_variables=program.variables,
            secret_environment_variables=order.secrets,
            properties=order.properties,
            pool=order.pool,
            resources=resources_message(order.resources),
            isolation=ISOLATIONS[order.isolation],
        )
        parent = f"workspaces/{order.workspace}"
        request = runs_service_pb2.CreateRunRequest(parent=parent, run=run, request_id=order.request_id)
        return (await self._stub.CreateRun(request)).run.name

    async def watch(self, name: str) -> AsyncGenerator[Replica]:
        """Give the replica now and after each change; the last is ENDED. Interruptions of the service are bridged."""
        while True:
            try:
                async for response in self._stub.WatchRun(runs_service_pb2.WatchRunRequest(name=name)):
                    replica = _replica(response.run)
                    yield replica
                    if replica.stage is Stage.ENDED:
                        return
            except NotFound:
                yield Replica(name, Stage.ENDED, reason="its run is gone")
                return
            except OrrisError:
                pass  # not now: the run goes on without us
            await asyncio.sleep(RETRY_SECONDS)

    async def cancel(self, name: str, reason: str) -> None:
        """End a replica; one that is gone is ended."""
        try:
            await self._stub.CancelRun(runs_service_pb2.CancelRunRequest(name=name, reason=reason))
        except NotFound:
            return

    async def log(self, name: str, offset: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Give the pieces of a replica's log from `offset` on, as they come, until its end."""
        run = RunName.parse(name)
        log = str(LogName(run.workspace, run.run, STD_LOG))
        while True:
            request = runs_service_pb2.ReadRunLogRequest(name=log, offset=offset, follow=True)
            try:
                async for response in self._stub.ReadRunLog(request):
                    if response.data:
                        yield response.offset, response.data
                        offset = response.offset + len(response.data)
                    if response.end:
                        return
            except NotFound:
                return
            except OrrisError:
                pass  # not now
            await asyncio.sleep(RETRY_SECONDS)


def _replica(run: runs_pb2.Run) -> Replica:
    if run.state in _FINAL:
        if run.state == _R.STATE_CANCELED:
            return Replica(run.name, Stage.ENDED, reason=run.state_reason or "its run was canceled")
        reason = run.error.message or "its program ended"
        users = run.state == _R.STATE_COMPLETED or run.error.code in _USERS
        return Replica(run.name, Stage.ENDED, reason=reason, details=run.error.details, users_fault=users)
    if run.state in _WAITING and not run.agent:
        return Replica(run.name, Stage.WAITING, reason=run.state_reason)
    if run.state == _R.STATE_NOT_RESPONDING:
        return Replica(run.name, Stage.LOST, run.address, run.state_reason or "its machine has not been heard of")
    if run.state == _R.STATE_RUNNING:
        return Replica(run.name, Stage.RUNNING, run.address)
    return Replica(run.name, Stage.STARTING, reason=run.state_reason)
