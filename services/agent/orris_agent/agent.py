"""The agent: holds leases of the `runs` service and executes one run for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from orris import errors
from orris.names import RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent import process
from orris_agent.ended import end
from orris_agent.execution import Execution
from orris_agent.folder import RunFolder, RunFolders
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from orris.runs.v1.agents_service_pb2_grpc import AgentServiceAsyncStub

log = get_logger(__name__)

_RETRY_SECONDS = 0.5
# Unauthenticated too: the token's file may be written, or replaced by a fresh one, after the agent has started.
_PASSING = (errors.Unavailable, errors.DeadlineExceeded, errors.Cancelled, errors.Unauthenticated)

MakeExecution = Callable[[agents.Lease, RunFolder], Execution]


class Agent:
    """Keeps this machine's leases and what is executed in step.

    The stream of leases is the truth: what it has is executed, what it no longer has is ended.
    """

    def __init__(
        self, stub: AgentServiceAsyncStub, identity: agents.Agent, folders: RunFolders, execution: MakeExecution
    ) -> None:
        self._stub = stub
        self._identity = identity
        self._folders = folders
        self._execution = execution
        self._running: dict[str, tuple[Execution, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Serve until canceled. Runs go on under their supervisors then, and are adopted by the next agent."""
        lease_seconds = await self._register()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_leases())
            tasks.create_task(self._renew_leases(lease_seconds))

    async def _register(self) -> float:
        while True:
            try:
                response = await self._stub.RegisterAgent(agents.RegisterAgentRequest(agent=self._identity))
            except _PASSING as problem:
                log.info("not registered yet", reason=problem.message)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                log.info("registered", agent=self._identity.name)
                return response.lease_duration.ToTimedelta().total_seconds()

    async def _follow_leases(self) -> None:
        while True:
            try:
                async for message in self._stub.WatchLeases(agents.WatchLeasesRequest(agent=self._identity.name)):
                    await self._take(message)
            except errors.NotFound:
                await self._register()
            except _PASSING as problem:
                log.debug("lease stream ended", reason=problem.message)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _take(self, message: agents.WatchLeasesResponse) -> None:
        if message.all:
            await self._end_others({lease.id for lease in message.leases})
        for lease in message.leases:
            if lease.id not in self._running:
                self._begin(lease)
            elif lease.cancel:
                self._running[lease.id][0].cancel()

    def _begin(self, lease: agents.Lease) -> None:
        execution = self._execution(lease, self._folder_of(lease))
        if lease.HasField("duration"):
            execution.extend(process.boottime() + lease.duration.ToTimedelta().total_seconds())
        task = asyncio.create_task(execution.run(), name=lease.run.name)
        self._running[lease.id] = (execution, task)
        task.add_done_callback(lambda _: self._running.pop(lease.id, None))

    def _folder_of(self, lease: agents.Lease) -> RunFolder:
        """Return the run's folder: the one an earlier agent process left where it is of this lease, else a new one."""
        run_id = RunName.parse(lease.run.name).run
        kept = self._folders.of_lease(run_id, lease.id)
        return kept or self._folders.create(run_id, lease)

    async def _end_others(self, held: set[str]) -> None:
        """End what is executed without a lease, also what an earlier agent process left."""
        for lease_id in self._running.keys() - held:
            execution, task = self._running[lease_id]
            task.cancel()
            await end(execution.folder.root)
            execution.folder.remove()
        known = {execution.folder.root for execution, _ in self._running.values()}
        for folder in self._folders:
            if folder.root not in known and folder.lease_id() not in held:
                log.warning("run ended, its lease is gone", run=folder.run_id)
                await end(folder.root)
                folder.remove()

    async def _renew_leases(self, lease_seconds: float) -> None:
        while True:
            await asyncio.sleep(lease_seconds / 3)
            asked = process.boottime()
            request = agents.RenewLeasesRequest(agent=self._identity.name, lease_ids=list(self._running))
            try:
                response = await self._stub.RenewLeases(request)
            except errors.OrrisError as problem:
                log.warning("leases not renewed", reason=problem.message)
                continue
            self._renewed(response, asked)

    def _renewed(self, response: agents.RenewLeasesResponse, asked: float) -> None:
        deadline = asked + response.duration.ToTimedelta().total_seconds()
        for lease_id, (execution, _) in list(self._running.items()):
            if lease_id in response.lost_lease_ids:
                execution.cancel()
            else:
                execution.extend(deadline)
