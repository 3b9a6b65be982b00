"""The life of one leased run on this machine: prepare, start, ship what it writes, keep its outputs, report the end.

Every step can be taken up by another agent process: what is done shows in the run's folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from time import time
from typing import TypeVar

from orris import errors
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.bringing import bring
from orris_agent.folder import RunFolder
from orris_agent.keeping import as_text, sorted_out
from orris_agent.leaving import left_files
from orris_agent.outcome import failed, failed_here, outcome_of, with_last, without_outputs
from orris_agent.places import Place
from orris_agent.reports import PASSING, LeaseLostError, Reports
from orris_agent.requests import RequestServer
from orris_agent.run_data import RunData
from orris_agent.run_file import RunFile
from orris_agent.runtimes.port import ImageGoneError, NotNowError, Runtime, StartError
from orris_agent.shipping import Shipping
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger
from orris_kit.tracing import past, span

log = get_logger(__name__)

INSTALL_LOG = "azureml-logs/20_environment_log.txt"

_RETRY_SECONDS = 1.0
# How long a run that was leased ahead waits for a program to end, before it is handed back.
_PATIENCE_SECONDS = 1.0
# What a run wrote last goes along with its end where its outputs are kept within this time. Else it is told before,
# and the run's place is free for the next one.
_ALONG_SECONDS = 0.1


def install_log(attempt: int) -> str:
    """Return the log of making an image ready for the first, second, … time: one that has ended stays as it is."""
    return INSTALL_LOG if attempt == 1 else INSTALL_LOG.replace(".txt", f"_{attempt}.txt")


_Result = TypeVar("_Result")
_Keep = Callable[[agents.FinishRunRequest], Coroutine[None, None, agents.FinishRunRequest]]


class HandedBackError(Exception):
    """The run waits for another agent."""


class DataError(Exception):
    """A run's data could not be brought to where it is to be; the message says why."""


class Execution:
    """One lease of one run."""

    def __init__(
        self,
        lease: agents.Lease,
        folder: RunFolder,
        reports: Reports,
        storage: Storage,
        runtime: Runtime,
        requests: RequestServer,
        place: Place | None = None,
    ) -> None:
        self.lease = lease
        self.folder = folder
        self._reports = reports
        self._storage = storage
        self._runtime = runtime
        self._requests = requests
        self._place = place or Place()
        self._canceled = asyncio.Event()
        if lease.cancel:
            self._canceled.set()
        self._kept: Mapping[str, RunFile] = {}
        self._warnings: list[str] = []
        self._started = 0.0
        self._attempts = 0

    async def run(self) -> None:
        """Execute the run, or go on with it, to its end. Raises nothing."""
        try:
            with span("run", self.lease.traceparent, run=self.folder.run_id):
                await self._finish(await self._outcome())
        except LeaseLostError:
            log.warning("lease lost", run=self.folder.run_id)
        except HandedBackError:
            log.info("run handed back, there was no place for it", run=self.folder.run_id)
        except (Exception, asyncio.CancelledError) as problem:
            if _is_told_to_end(problem):
                raise
            log.exception("run given up", run=self.folder.run_id)
            await self._runtime.end(self.folder)
            await self._give_up(problem)
        finally:
            self._place.leave()
        await self._runtime.end(self.folder)
        if self.folder.lease_id() == self.lease.id:  # else it is another lease's by now
            await run_blocking(self.folder.remove)

    def cancel(self) -> None:
        """End the run's processes, or do not start them."""
        self._canceled.set()
        self._runtime.cancel(self.folder)

    def extend(self, deadline: float) -> None:
        """Let the run go on until `deadline`, in seconds of CLOCK_BOOTTIME."""
        self._runtime.extend(self.folder, deadline)

    async def _outcome(self) -> agents.FinishRunRequest:
        begun = self._runtime.has_started(self.folder)
        if begun:
            self._place.occupy()
        else:
            past("wait for an agent", self.lease.run.create_time.ToMicroseconds() / 1e6)
            try:
                with span("prepare run"):
                    await self._until_canceled(self._prepare())
                await self._until_canceled(self._take_place())
            except DataError as problem:
                if not self._cancel:
                    return failed(runs.RunError.CODE_DATA, str(problem))
            except errors.OrrisError as problem:
                if not self._cancel:
                    return failed(runs.RunError.CODE_ENVIRONMENT, problem.message)
            if self._cancel:
                return agents.FinishRunRequest(state=runs.Run.STATE_CANCELED)
        with span("execute run"):
            return await self._execute(begun)

    async def _take_place(self) -> None:
        """Wait for a place. Raises HandedBackError where those who have one keep it: then the run waits elsewhere."""
        while not await self._place.take(_PATIENCE_SECONDS):
            if await self._reports.handed_back():
                raise HandedBackError

    async def _execute(self, begun: bool) -> agents.FinishRunRequest:
        """Start the program, unless it has been, and stay with it. What is begun here is the program's own span."""
        if not begun:
            try:
                if not await self._start():
                    return agents.FinishRunRequest(state=runs.Run.STATE_CANCELED)
            except StartError as problem:
                return failed(runs.RunError.CODE_SYSTEM, str(problem))
            except errors.OrrisError as problem:
                if self._cancel:
                    return agents.FinishRunRequest(state=runs.Run.STATE_CANCELED)
                return failed(runs.RunError.CODE_ENVIRONMENT, problem.message)
        return await self._attend(begun)

    async def _start(self) -> bool:
        """Start the run; return whether it was, and not canceled. An image that has gone since is made ready again."""
        while not self._cancel:
            try:
                told = await self._runs(runs.Run.STATE_QUEUED, self._start_once)
                self._warnings = [*RunData(self.lease.run, self.folder).displaced(), *filter(None, [told])]
                self._started = time()
                return True
            except ImageGoneError as problem:
                log.warning("image made ready again", run=self.folder.run_id, reason=str(problem))
                await self._until_canceled(self._make_ready())
        return False

    async def _start_once(self) -> str:
        return await self._runtime.start(self.lease, self.folder)

    @property
    def _cancel(self) -> bool:
        return self._canceled.is_set()

    async def _until_canceled(self, work: Coroutine[None, None, _Result]) -> _Result | None:
        """Do some work, or leave it when the run is canceled (None): threads that are at it go on to their ends."""
        working, canceled = asyncio.ensure_future(work), asyncio.ensure_future(self._canceled.wait())
        try:
            await asyncio.wait((working, canceled), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            canceled.cancel()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _prepare(self) -> None:
        """Fetch the snapshot and make the image runnable, side by side."""
        fetch = asyncio.ensure_future(self._reached(runs.Run.STATE_QUEUED, self._fetch))
        try:
            if not await self._runs(runs.Run.STATE_QUEUED, lambda: self._runtime.is_ready(self.lease)):
                await self._make_ready()
            await fetch
        finally:
            fetch.cancel()

    async def _fetch(self) -> None:
        run = self.lease.run
        await self._storage.download(run.snapshot, self.folder.work)
        if run.inputs or run.outputs_to:
            try:
                await bring(run, self.folder, self._storage)
            except PASSING:
                raise
            except errors.OrrisError as problem:
                raise DataError(problem.message) from problem

    async def _make_ready(self) -> None:
        await self._reports.state(runs.Run.STATE_QUEUED, self._runtime.preparing)
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._attempts += 1
        sending = asyncio.ensure_future(self._send_lines(lines, install_log(self._attempts)))
        try:
            await self._runs(runs.Run.STATE_QUEUED, lambda: self._runtime.make_ready(self.lease, lines.put_nowait))
        finally:
            lines.put_nowait(None)
            await sending

    async def _send_lines(self, lines: asyncio.Queue[str | None], file: str) -> None:
        size = 0
        while (line := await lines.get()) is not None:
            size = await self._reports.log(file, size, f"{line}\n".encode())
        await self._reports.log(file, size, b"", end=True)

    async def _attend(self, begun: bool) -> agents.FinishRunRequest:
        """Stay with the started program until it has ended, and all that it wrote is sent and kept."""
        ended = asyncio.Event()
        published = await self._runs(runs.Run.STATE_RUNNING, lambda: self._runtime.published(self.lease, self.folder))
        async with self._requests.serving(self.lease, self.folder):
            shipping = Shipping(self._reports, self.folder, published, begun)
            if await shipping.begin(self._started or time(), self._warnings) or self._cancel:
                self.cancel()
            sending = asyncio.ensure_future(shipping.until(ended))
            try:
                ending = await self._runtime.wait(self.folder)
                self._place.leave()
                ended.set()
                return await self._conclude(outcome_of(ending, self.folder), shipping, sending)
            finally:
                sending.cancel()

    async def _conclude(
        self, outcome: agents.FinishRunRequest, shipping: Shipping, sending: asyncio.Future[None]
    ) -> agents.FinishRunRequest:
        """Keep what the ended program has left, and send what it wrote last, or have its end take that along."""
        keeping = asyncio.ensure_future(self._keep(outcome, self._keep_all))
        try:
            await sending
            last = shipping.last()
            if last.is_all:
                await asyncio.wait((keeping,), timeout=_ALONG_SECONDS)
            along = last.is_all and keeping.done()
            if not along:
                await shipping.finalize(last)
            outcome = await keeping
            return with_last(outcome, last.report) if along else outcome
        finally:
            keeping.cancel()

    async def _keep(self, outcome: agents.FinishRunRequest, keep: _Keep) -> agents.FinishRunRequest:
        """Keep what the program has left. Of one that was canceled, too; else that can be canceled itself."""
        with span("keep outputs"):
            if outcome.state == runs.Run.STATE_CANCELED:
                return await keep(outcome)
            return await self._until_canceled(keep(outcome)) or without_outputs(outcome)

    async def _keep_all(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        snapshot = await self._reached(runs.Run.STATE_FINALIZING, lambda: self._storage.paths(self.lease.run.snapshot))
        data = RunData(self.lease.run, self.folder).in_work()
        found = await run_blocking(sorted_out, self.folder, snapshot, data)
        self._kept = found.kept
        not_kept = [f"{as_text(path)} is not kept: it {why}" for path, why in sorted(found.refused.items())]
        if not_kept:
            await self._reports.state(runs.Run.STATE_FINALIZING, warnings=not_kept)
        if found.small is None:
            await self._upload(outcome)
        else:
            outcome.output_files.entries.extend(found.small.entries)
            outcome.output_files.blobs.extend(found.small.blobs)
        outcome = await self._leave(outcome)
        outcome.left_behind.extend(found.left)
        return outcome

    async def _leave(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        """Keep what a run has left where it was to; of one that has not completed, with the run alone.

        Where that cannot be put where it is to be, the run has failed.
        """
        del outcome.outputs_to[:]
        for wanted in self.lease.run.outputs_to:
            files = await self._left(wanted, missed=outcome.state == runs.Run.STATE_COMPLETED)
            if files:
                tree = await self._reached(runs.Run.STATE_FINALIZING, partial(self._storage.upload, files))
                outcome.outputs_to.add(name=wanted.name, tree=tree)
        return await self._put(outcome) if outcome.state == runs.Run.STATE_COMPLETED else outcome

    async def _left(self, wanted: runs.RunOutput, *, missed: bool) -> dict[str, RunFile]:
        """Return the files that are in a folder that the run was to fill; `missed`: it says where there are none."""
        files, refused = await run_blocking(left_files, self.folder, wanted)
        warnings = [f"{wanted.name}: {as_text(path)} is not kept: it {why}" for path, why in sorted(refused.items())]
        if missed and not files:
            fitting = f" that fits {', '.join(wanted.source_globs)}" if wanted.source_globs else ""
            warnings.append(f"The run has left nothing{fitting} in the folder of its output {wanted.name}.")
        if warnings:
            await self._reports.state(runs.Run.STATE_FINALIZING, warnings=warnings)
        return files

    async def _put(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        """Put what a run has left into datastores, and register it."""
        asked = {each.name: each for each in self.lease.run.outputs_to}
        for kept in outcome.outputs_to:
            keep = partial(self._storage.leave, self.lease, asked[kept.name], kept.tree)
            try:
                kept.dataset = await self._reached(runs.Run.STATE_FINALIZING, keep)
            except errors.OrrisError as problem:
                said = f"What the run has left in its output {kept.name} cannot be kept: {problem.message}"
                return _failed_after(outcome, said)
        return outcome

    async def _runs(self, state: runs.Run.State.ValueType, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what a call of the runtime gives; what it waits for is in its own words."""
        return await self._reached(state, call, (NotNowError,), waiting="")

    async def _upload(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        outcome.ClearField("output_files")
        if self._kept:
            outcome.outputs = await self._reached(runs.Run.STATE_FINALIZING, lambda: self._storage.upload(self._kept))
        return outcome

    async def _reached(
        self,
        state: runs.Run.State.ValueType,
        call: Callable[[], Awaitable[_Result]],
        passing: tuple[type[errors.OrrisError], ...] = PASSING,
        waiting: str = "waits for the artifacts service: ",
    ) -> _Result:
        """Return what a call gives; while the service or the engine that it needs is away, say so and try again."""
        while True:
            try:
                return await call()
            except passing as problem:
                if self._cancel and state == runs.Run.STATE_QUEUED:
                    raise
                reason = waiting + problem.message
                log.warning(reason, run=self.folder.run_id)
                await self._reports.state(state, reason)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _finish(self, outcome: agents.FinishRunRequest) -> None:
        if not outcome.HasField("output_files") or not await self._reports.finished_at_once(outcome):
            outcome = await self._finish_after_upload(outcome)
        log.info("run ended", run=self.folder.run_id, state=runs.Run.State.Name(outcome.state))

    async def _finish_after_upload(self, outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
        """End the run; return how."""
        if outcome.HasField("output_files"):
            # They could not be stored with the end. While that lasts, it is said of the run, and can be canceled.
            outcome = await self._keep(outcome, self._upload)
        try:
            await self._reports.finish(outcome)
        except errors.NotFound as problem:
            if problem.reason != "TREE_NOT_FOUND":
                raise
            # The end could not be told for so long that what nobody referred to was collected. It is still here.
            await self._upload(outcome)
            outcome = await self._leave(outcome)
            await self._reports.finish(outcome)
        return outcome

    async def _give_up(self, problem: BaseException) -> None:
        try:
            await self._finish(failed_here(problem))
        except (LeaseLostError, errors.OrrisError):
            log.exception("end not reported", run=self.folder.run_id)


def _is_told_to_end(problem: BaseException) -> bool:
    """Say whether the agent ends the task that raises this; else something that it has waited for was given up."""
    task = asyncio.current_task()
    return isinstance(problem, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _failed_after(outcome: agents.FinishRunRequest, message: str) -> agents.FinishRunRequest:
    """Return the end of a run whose program did well, but whose data is not kept."""
    end = failed(runs.RunError.CODE_DATA, message)
    end.outputs = outcome.outputs
    if outcome.HasField("output_files"):
        end.output_files.CopyFrom(outcome.output_files)
    end.outputs_to.extend(outcome.outputs_to)
    if outcome.HasField("end_time"):
        end.end_time.CopyFrom(outcome.end_time)
    if outcome.HasField("usage"):
        end.usage.CopyFrom(outcome.usage)
    return end
