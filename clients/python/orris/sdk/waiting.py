"""Waiting for a run, silently or with its logs on standard output as Azure prints them, but as they are written."""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING, Any

from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.failures import RunFailed, StillRunning
from orris.sdk.follow import Changed, Event, Output, Waiting, follow
from orris.sdk.run import FINAL
from orris.sdk.run_details import details
from orris.sdk.run_files import BUILD_LOG, STD_LOG
from orris.sdk.streams import watch

if TYPE_CHECKING:
    from orris.sdk.run import Run

LOG_NAMES = {"build": BUILD_LOG, "run": STD_LOG}


def wait(run: Run, *, show_output: bool = False, raise_on_error: bool = True) -> dict[str, Any]:
    """Wait until the run is in a final state; return its details.

    Raises RunFailed when it Failed (not when it was Canceled), unless `raise_on_error` is False; StillRunning on
    Ctrl-C.
    """
    try:
        _show(run) if show_output else _watch(run)
    except KeyboardInterrupt:
        raise StillRunning(goes_on(run)) from None
    found = details(run)
    if raise_on_error and run.message.state == runs_pb2.Run.STATE_FAILED:
        raise RunFailed(failure(run), found)
    return found


def goes_on(run: Run) -> str:
    """Say what to tell somebody who stopped waiting."""
    return (
        f"run {run.id} goes on: follow it with `orris runs logs -f {run.id}`, end it with `orris runs cancel {run.id}`"
    )


def failure(run: Run) -> str:
    """Say why a run failed, with the end of its traceback."""
    error = run.message.error
    return "\n".join(filter(None, [f"run {run.id} failed: {error.message or 'no reason is known'}", error.details]))


def _watch(run: Run) -> None:
    request = runs_service_pb2.WatchRunRequest(name=run.resource_name, final_only=True)
    stub = run.workspace.connection.runs
    for message in watch(lambda: stub.WatchRun(request), lambda message: message.run.state in FINAL):
        run.message, run.final_logs = message.run, message.logs


def _show(run: Run) -> None:
    printer = _Printer(run)
    printer.head()
    for event in follow(run):
        printer.show(event)
    printer.summary()


class _Printer:
    """Azure's format: which log is streamed, underlined, its lines, and a summary."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._log = ""
        self._reason = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def head(self) -> None:
        self._identify()
        self._flush()

    def show(self, event: Event) -> None:
        match event:
            case Output(log, data):
                self._output(LOG_NAMES[log], data)
            case Waiting(run) if not self._log and run.state_reason not in ("", self._reason):
                self._reason = run.state_reason
                self._write(f"{self._run.status}: {run.state_reason}\n")
            case Changed(run):
                self._run.message = run
        self._flush()

    def summary(self) -> None:
        self._write("\nExecution Summary\n=================\n")
        self._identify()
        for warning in self._run.warnings:
            self._write(f"\nWarnings:\n{warning}\n")
        if self._run.error:
            self._write(f"\nError:\n{self._run.error}\n")
        self._write("\n")
        self._flush()

    def _identify(self) -> None:
        # There is no page to point to: the command that shows the run stands in its place.
        self._write(f"RunId: {self._run.id}\nWeb View: orris runs show {self._run.id}\n")

    def _output(self, log: str, data: bytes) -> None:
        if log != self._log:
            self._log = log
            self._decoder.reset()
            title = f"Streaming {log}"
            self._write(f"\n{title}\n{'=' * len(title)}\n\n")
        self._write(self._decoder.decode(data))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)

    def _flush(self) -> None:
        sys.stdout.flush()
