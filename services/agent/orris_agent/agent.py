"""The agent: holds leases of the `runs` service and executes one run for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orris import errors
from orris.names import RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.control import boottime
from orris_agent.execution import Execution
from orris_agent.folder import RunFolder, RunFolders
from orris_agent.lease_clock import LeaseClock
from orris_agent.outcome import failed_here
from orris_agent.reports import LeaseLostError, Reports
from orris_agent.runtimes.choice import Runtimes
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from orris.runs.v1.agents_service_pb2_grpc import AgentServiceAsyncStub

log = get_logger(__name__)

_RETRY_SECONDS = 0.5
_TIDY_SECONDS = 3600.0
_LAST_WORD_SECONDS = 1.0
# Unauthenticated too: the token's file may be written, or replaced by a fresh one, after the agent has started.
_PASSING = (
    errors.Unavailable,
    errors.DeadlineExceeded,
    errors.Cancelled,
    errors.Unauthenticated,
    errors.ResourceExhausted,
    errors.Internal,
)

MakeExecution = Callable[[agents.Lease, RunFolder], Execution]


class Agent:
    """Keeps this machine's leases and what is executed in step.

    The stream of leases is the truth: what it has is executed, what it no longer has is ended.
    """

    def __init__(
        self,
        stub: AgentServiceAsyncStub,
        identity: agents.Agent,
        folders: RunFolders,
        runtimes: Runtimes,
        execution: MakeExecution,
        clock: LeaseClock | None = None,
    ) -> None:
        self._stub = stub
        self._identity = identity
        self._folders = folders
        self._runtimes = runtimes
        self._execution = execution
        self._clock = clock or LeaseClock()
        self._running: dict[str, tuple[Execution, asyncio.Task[None]]] = {}
        self._ending: dict[Path, asyncio.Task[None]] = {}
        self._refusing: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve until canceled. Runs go on under their supervisors then, and are adopted by the next agent."""
        lease_seconds = await self._register()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_leases())
            tasks.create_task(self._renew_leases(lease_seconds))
            tasks.create_task(self._tidy())

    async def finish(self, reason: str) -> None:
        """Take no more runs, and return when those that are executed have ended; `run` goes on meanwhile."""
        request = agents.DrainAgentRequest(agent=self._identity.name, reason=reason)
        while True:
            try:
                await self._stub.DrainAgent(request, timeout=_LAST_WORD_SECONDS)
            except errors.OrrisError as problem:
                log.warning("the server does not know that this agent ends", reason=problem.message)
                if not self._running:
                    return
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                break
        while self._running:
            await asyncio.wait([task for _, task in self._running.values()])
            await asyncio.sleep(0)  # the task's own callback forgets it

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
            opened: float | None = self._clock.now()
            try:
                async for message in self._stub.WatchLeases(agents.WatchLeasesRequest(agent=self._identity.name)):
                    if opened is not None:
                        self._clock.begin(opened, message)
                        opened = None
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
                self._begin(lease, boottime() + self._clock.left(lease, message))
            elif lease.cancel:
                self._running[lease.id][0].cancel()

    def _begin(self, lease: agents.Lease, end: float) -> None:
        try:
            execution = self._execution(lease, self._folder_of(lease))
            if lease.HasField("duration"):
                self._extend(execution, end)
        except OSError as problem:
            self._refuse(lease, problem)
            return
        task = asyncio.create_task(execution.run(), name=lease.run.name)
        self._running[lease.id] = (execution, task)
        task.add_done_callback(lambda _: self._running.pop(lease.id, None))

    def _extend(self, execution: Execution, deadline: float) -> None:
        """Let a run go on until then. Raises OSError where nothing would end it if its agent did not."""
        try:
            execution.extend(deadline)
        except OSError as problem:
            if not execution.folder.has_deadline:
                raise
            log.error("a run ends when its last deadline does", run=execution.folder.run_id, reason=str(problem))

    def _refuse(self, lease: agents.Lease, problem: OSError) -> None:
        """Say that a run cannot be begun here. Others go on."""
        log.error("a run cannot be begun", run=lease.run.name, reason=str(problem))
        if lease.id not in self._refusing:
            self._refusing[lease.id] = asyncio.create_task(self._tell_refused(lease, problem))
            self._refusing[lease.id].add_done_callback(lambda _: self._refusing.pop(lease.id))

    async def _tell_refused(self, lease: agents.Lease, problem: OSError) -> None:
        try:
            await Reports(self._stub, lease.id).finish(failed_here(problem))
        except (LeaseLostError, errors.OrrisError):
            log.exception("end not reported", run=lease.run.name)

    def _folder_of(self, lease: agents.Lease) -> RunFolder:
        """Return the run's folder: the one an earlier agent process left where it is of this lease, else a new one."""
        run_id = RunName.parse(lease.run.name).run
        kept = self._folders.of_lease(run_id, lease.id)
        if kept is None:
            self._give_up_earlier(run_id)
        return kept or self._folders.create(run_id, lease.id, self._runtimes.contains(lease.run))

    def _give_up_earlier(self, run_id: str) -> None:
        """Leave what an earlier lease of the run has started: what is in the run's folder is no longer its own."""
        for execution, task in self._running.values():
            if execution.folder.run_id == run_id:
                task.cancel()
        left = self._folders.find(run_id)
        if left is not None and left.contained:
            self._end_aside(left)

    async def _end_others(self, held: set[str]) -> None:
        """End what is executed without a lease, also what an earlier agent process left."""
        known = {execution.folder.root for execution, _ in self._running.values()} | self._ending.keys()
        left = [folder for folder in self._folders if folder.root not in known and folder.lease_id() not in held]
        for lease_id in self._running.keys() - held:
            execution, task = self._running[lease_id]
            task.cancel()
            await self._end(execution.folder)
        for folder in left:
            log.warning("run ended, its lease is gone", run=folder.run_id)
            await self._end(folder)
        for runtime in self._runtimes:
            await runtime.end_others(held)

    async def _end(self, folder: RunFolder) -> None:
        """End a run whose lease is gone. An engine may take its time for that; new leases do not wait for it."""
        if folder.contained:
            self._end_aside(folder)
        else:
            await self._end_and_remove(folder)

    def _end_aside(self, folder: RunFolder) -> None:
        try:
            aside = folder.set_aside()
        except FileNotFoundError:
            return  # its execution has just removed it
        self._ending[aside.root] = asyncio.create_task(self._end_and_remove(aside))
        self._ending[aside.root].add_done_callback(lambda _: self._ending.pop(aside.root))

    async def _end_and_remove(self, folder: RunFolder) -> None:
        await self._runtimes.of(folder).end(folder)
        await run_blocking(folder.remove)

    async def _tidy(self) -> None:
        while True:
            for runtime in self._runtimes:
                try:
                    await runtime.tidy()
                except Exception:
                    log.exception("not tidied; it is tried again later")
            await asyncio.sleep(_TIDY_SECONDS)

    async def _renew_leases(self, lease_seconds: float) -> None:
        while True:
            await asyncio.sleep(lease_seconds / 3)
            asked = self._clock.now()
            request = agents.RenewLeasesRequest(agent=self._identity.name, lease_ids=list(self._running))
            try:
                response = await self._stub.RenewLeases(request)
            except errors.OrrisError as problem:
                log.warning("leases not renewed", reason=problem.message)
                continue
            self._renewed(response, asked)

    def _renewed(self, response: agents.RenewLeasesResponse, asked: float) -> None:
        self._clock.answered(asked, response)
        deadline = boottime() + self._clock.left_of(response.duration, asked)
        for lease_id, (execution, _) in list(self._running.items()):
            if lease_id in response.lost_lease_ids:
                execution.cancel()
            else:
                self._extend(execution, deadline)
