"""The life of one leased run on this machine: prepare, start, ship what it writes, keep its outputs, report the end.

Every step can be taken up by another agent process: what is done shows in the run's folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from orris import errors
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import command, failure, process
from orris_agent.ended import end, wait_for_exit
from orris_agent.environments import VirtualEnvironments
from orris_agent.folder import RunFolder
from orris_agent.keeping import as_text, kept_files, left_behind, refused_files
from orris_agent.reports import PASSING, LeaseLostError, Reports
from orris_agent.requests import RequestServer
from orris_agent.shipping import Shipping
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

log = get_logger(__name__)

INSTALL_LOG = "azureml-logs/20_environment_log.txt"

_RETRY_SECONDS = 1.0
_Result = TypeVar("_Result")


class Execution:
    """One lease of one run."""

    def __init__(
        self,
        lease: agents.Lease,
        folder: RunFolder,
        reports: Reports,
        storage: Storage,
        environments: VirtualEnvironments,
        requests: RequestServer,
        inherited: Mapping[str, str],
    ) -> None:
        self.lease = lease
        self.folder = folder
        self._reports = reports
        self._storage = storage
        self._environments = environments
        self._requests = requests
        self._inherited = inherited
        self._cancel = lease.cancel

    async def run(self) -> None:
        """Execute the run, or go on with it, to its end. Raises nothing."""
        try:
            await self._finish(await self._outcome())
        except LeaseLostError:
            log.warning("lease lost", run=self.folder.run_id)
            await end(self.folder.root)
        except Exception:
            log.exception("run given up", run=self.folder.run_id)
            await end(self.folder.root)
            await self._give_up()
        self.folder.remove()

    def cancel(self) -> None:
        """End the run's processes, or do not start them."""
        self._cancel = True
        if self.folder.started:
            process.cancel(self.folder.root)

    def extend(self, deadline: float) -> None:
        """Let the run go on until `deadline`, in seconds of CLOCK_BOOTTIME."""
        process.set_deadline(self.folder.root, deadline)

    async def _outcome(self) -> agents.FinishRunRequest:
        if not self.folder.started:
            try:
                python = await self._prepare()
            except errors.OrrisError as problem:
                if not self._cancel:
                    return _failed(runs.RunError.CODE_ENVIRONMENT, problem.message)
            if self._cancel:
                return agents.FinishRunRequest(state=runs.Run.STATE_CANCELED)
            try:
                await run_blocking(self._start, python)
            except process.StartError as problem:
                return _failed(runs.RunError.CODE_SYSTEM, str(problem))
        return await self._attend()

    async def _prepare(self) -> Path:
        """Fetch the snapshot and make the image runnable, side by side."""
        fetch = asyncio.ensure_future(self._reached(runs.Run.STATE_QUEUED, self._fetch))
        try:
            python = self._environments.ready(self.lease.image) or await self._install()
            await fetch
        finally:
            fetch.cancel()
        return python

    async def _fetch(self) -> None:
        await self._storage.download(self.lease.run.snapshot, self.folder.work)

    async def _install(self) -> Path:
        await self._reports.state(runs.Run.STATE_QUEUED, "its environment is being installed on the agent's machine")
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        sending = asyncio.ensure_future(self._send_lines(lines))
        try:
            return await self._environments.make(self.lease.image, lines.put_nowait)
        finally:
            lines.put_nowait(None)
            await sending

    async def _send_lines(self, lines: asyncio.Queue[str | None]) -> None:
        size = 0
        while (line := await lines.get()) is not None:
            size = await self._reports.log(INSTALL_LOG, size, f"{line}\n".encode())
        await self._reports.log(INSTALL_LOG, size, b"", end=True)

    def _start(self, python: Path) -> None:
        run = self.lease.run
        process.start(
            self.folder.root,
            argv=command.argument_list(run, python),
            env=command.variables(self.lease, self.folder, python, self._inherited),
            cwd=self.folder.work,
            time_limit_seconds=run.time_limit.ToTimedelta().total_seconds() if run.HasField("time_limit") else None,
        )

    async def _attend(self) -> agents.FinishRunRequest:
        """Stay with the started program until it has ended and all that it wrote is sent."""
        ended = asyncio.Event()
        async with self._requests.serving(self.lease, self.folder):
            shipping = asyncio.ensure_future(Shipping(self._reports, self.folder).until(ended))
            try:
                if await self._reports.state(runs.Run.STATE_RUNNING) or self._cancel:
                    self.cancel()
                exit_ = await wait_for_exit(self.folder.root)
                ended.set()
                await shipping
            finally:
                shipping.cancel()
        return await self._keep(_ended(exit_, self.folder))

    async def _keep(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        kept = await run_blocking(kept_files, self.folder)
        refused = await run_blocking(refused_files, kept)
        not_kept = [f"{as_text(path)} is not kept: it {why}" for path, why in sorted(refused.items())]
        await self._reports.state(runs.Run.STATE_FINALIZING, warnings=not_kept)
        kept = {path: file for path, file in kept.items() if path not in refused}
        if kept:
            outcome.outputs = await self._reached(runs.Run.STATE_FINALIZING, lambda: self._storage.upload(kept))
        snapshot = await self._reached(runs.Run.STATE_FINALIZING, lambda: self._storage.paths(self.lease.run.snapshot))
        outcome.left_behind.extend(await run_blocking(left_behind, self.folder, snapshot))
        return outcome

    async def _reached(self, state: runs.Run.State.ValueType, transfer: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what a transfer gives; while the artifacts service is away, say so and try again."""
        while True:
            try:
                return await transfer()
            except PASSING as problem:
                if self._cancel and state == runs.Run.STATE_QUEUED:
                    raise
                log.warning("the artifacts service is waited for", run=self.folder.run_id, code=problem.code)
                await self._reports.state(state, f"waits for the artifacts service: {problem.message}")
                await asyncio.sleep(_RETRY_SECONDS)

    async def _finish(self, outcome: agents.FinishRunRequest) -> None:
        await self._reports.finish(outcome)
        log.info("run ended", run=self.folder.run_id, state=runs.Run.State.Name(outcome.state))

    async def _give_up(self) -> None:
        message = "The agent failed to execute the run; its log says why. Submit the run again."
        try:
            await self._finish(_failed(runs.RunError.CODE_SYSTEM, message))
        except (LeaseLostError, errors.OrrisError):
            log.exception("end not reported", run=self.folder.run_id)


def _ended(exit_: process.Exit | None, folder: RunFolder) -> agents.FinishRunRequest:
    if exit_ is None:
        return agents.FinishRunRequest(state=runs.Run.STATE_FAILED, error=failure.lost(folder.std_log))
    if exit_.reason == "lease_lost":
        raise LeaseLostError
    outcome = agents.FinishRunRequest()
    outcome.end_time.FromNanoseconds(int(exit_.end_time * 1e9))
    if exit_.reason == "canceled":
        outcome.state = runs.Run.STATE_CANCELED
    elif exit_.exit_code == 0 and exit_.reason is None:
        outcome.state = runs.Run.STATE_COMPLETED
    else:
        outcome.state = runs.Run.STATE_FAILED
        outcome.error.CopyFrom(failure.error_of(exit_, folder.std_log))
    return outcome


def _failed(code: runs.RunError.Code.ValueType, message: str) -> agents.FinishRunRequest:
    return agents.FinishRunRequest(state=runs.Run.STATE_FAILED, error=runs.RunError(code=code, message=message))
