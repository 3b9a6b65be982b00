"""All that happens to a run, as it happens: its states, its build's log and its own, merged into one sequence."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orris.errors import Cancelled, NotFound, OrrisError
from orris.images.v1 import images_service_pb2
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.run import FINAL
from orris.sdk.run_files import STD_LOG
from orris.sdk.streams import read_log, watch

if TYPE_CHECKING:
    from orris.sdk.run import Run

# A state that lasts this long is worth a word to whoever waits.
QUIET_SECONDS = 1.5
# How long the rest of a log may take to begin arriving after the run has ended.
REST_SECONDS = 30.0
# At most 64 messages of up to 1 MiB wait for a slow terminal.
QUEUE_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Changed:
    """The run stands otherwise than before; its logs are told at its end."""

    run: runs_pb2.Run
    logs: Sequence[runs_pb2.RunLog] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run has stood where it stands for a while, and nothing was written."""

    run: runs_pb2.Run


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes of the build's log or the run's."""

    log: Literal["build", "run"]
    data: bytes


@dataclass(frozen=True, slots=True)
class _Ended:
    source: str
    error: Exception | None


Event = Changed | Waiting | Output


def follow(run: Run) -> Iterator[Event]:
    """Yield what happens to a run, from now (its logs from the beginning) until it has ended and its log is read.

    Close the iterator to stop: the run goes on. Raises NotFound, Unavailable.
    """
    follower = _Follower(run)
    try:
        yield from follower.events()
    finally:
        follower.stop()


class _Follower:
    """Three readers, each in a thread of its own, and one queue."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._queue: queue.Queue[Event | _Ended] = queue.Queue(QUEUE_LENGTH)
        self._stopped = threading.Event()
        self._calls: dict[str, Any] = {}
        self._reading: set[str] = set()
        self._left: set[str] = set()
        self._builds = False

    def events(self) -> Iterator[Event]:
        last = self._run.message
        self._start("state", self._changes())
        self._start("run", self._log("run", self._open_log))
        while self._reading:
            event = self._next(last)
            if event is None:
                return
            if isinstance(event, _Ended):
                self._reading.discard(event.source)
                self._check(event)
                continue
            if isinstance(event, Changed):
                last = self._run.message = event.run
                self._run.final_logs = event.logs
                self._mind_build(event.run)
            yield event

    def stop(self) -> None:
        self._stopped.set()
        for call in list(self._calls.values()):
            call.cancel()

    def _next(self, last: runs_pb2.Run) -> Event | _Ended | None:
        """Return the next event, Waiting when there is none for a while, None when no more is to be expected."""
        ended = last.state in FINAL and "state" not in self._reading
        try:
            return self._queue.get(timeout=REST_SECONDS if ended else QUIET_SECONDS)
        except queue.Empty:
            return None if ended else Waiting(last)

    def _check(self, ended: _Ended) -> None:
        """Raise what ended a reader, if it matters: a log that was never written does not."""
        if ended.error is None or ended.source == "build":
            return
        if ended.source == "run" and isinstance(ended.error, NotFound):
            return
        raise ended.error

    def _mind_build(self, run: runs_pb2.Run) -> None:
        """Read the build's log as soon as there is a build; leave it when the run was canceled meanwhile.

        A run that failed did so because of the build: the end of the log says why.
        """
        if run.build and not self._builds:
            self._builds = True
            self._start("build", self._log("build", self._open_build_log))
        if run.state == runs_pb2.Run.STATE_CANCELED:
            self._left.add("build")
            if "build" in self._calls:
                self._calls["build"].cancel()

    def _start(self, source: str, events: Iterator[Event]) -> None:
        self._reading.add(source)
        threading.Thread(target=self._read, args=(source, events), name=f"orris-{source}", daemon=True).start()

    def _read(self, source: str, events: Iterator[Event]) -> None:
        error: Exception | None = None
        try:
            for event in events:
                self._put(event)
        except Cancelled:
            pass
        except OrrisError as caught:
            error = caught
        except Exception as caught:
            error = caught
        self._put(_Ended(source, error))

    def _put(self, event: Event | _Ended) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(event, timeout=0.5)
                return
            except queue.Full:
                continue

    def _changes(self) -> Iterator[Event]:
        for message in watch(self._open_watch, lambda message: message.run.state in FINAL):
            yield Changed(message.run, message.logs)

    def _log(self, log: Literal["build", "run"], open_at: Callable[[int], Any]) -> Iterator[Event]:
        for data in read_log(open_at):
            yield Output(log, data)

    def _open_watch(self) -> Any:
        request = runs_service_pb2.WatchRunRequest(name=self._run.resource_name)
        return self._remember("state", self._run.workspace.connection.runs.WatchRun(request))

    def _open_log(self, offset: int) -> Any:
        name = f"{self._run.resource_name}/logs/{STD_LOG}"
        request = runs_service_pb2.ReadRunLogRequest(name=name, offset=offset, follow=True)
        return self._remember("run", self._run.workspace.connection.runs.ReadRunLog(request))

    def _open_build_log(self, offset: int) -> Any:
        request = images_service_pb2.ReadBuildLogRequest(name=self._run.message.build, offset=offset, follow=True)
        return self._remember("build", self._run.workspace.connection.images.ReadBuildLog(request))

    def _remember(self, source: str, call: Any) -> Any:
        self._calls[source] = call
        if self._stopped.is_set() or source in self._left:
            call.cancel()
        return call
