"""A run as it happens: its output on standard output, all else on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import typer

from orris.cli.failures import FAILED, say
from orris.cli.output import duration

if TYPE_CHECKING:
    from orris.sdk.run import Run


def follow_to_the_end(run: Run, output: BinaryIO | None = None) -> None:
    """Show a run until it has ended. Raises StillRunning on Ctrl-C, typer.Exit(1) unless it Completed."""
    from orris.sdk.failures import StillRunning
    from orris.sdk.follow import Changed, Output, Waiting, follow
    from orris.sdk.waiting import goes_on

    written = _Writer(output or sys.stdout.buffer)
    building = _Writer(sys.stderr.buffer)
    reason = ""
    try:
        for event in follow(run):
            match event:
                case Output("run", data):
                    written.write(data)
                case Output(_, data):
                    building.write(data)
                case Waiting(message) if message.state_reason not in ("", reason) and not (written.any or building.any):
                    reason = message.state_reason
                    say(f"{run.status}: {reason}")
                case Changed(message):
                    run.message = message
    except KeyboardInterrupt:
        written.end_line()
        raise StillRunning(goes_on(run)) from None
    written.end_line()
    conclude(run)


def conclude(run: Run) -> None:
    """Say how a run ended. Raises typer.Exit(1) unless it Completed."""
    took = ""
    if run.message.HasField("start_time") and run.message.HasField("end_time"):
        seconds = run.message.end_time.ToNanoseconds() - run.message.start_time.ToNanoseconds()
        took = f" after {duration(max(0, seconds) / 1e9)}"
    for warning in run.warnings:
        say(warning if warning.startswith("WARNING: ") else f"warning: {warning}")
    colour = {"Completed": typer.colors.GREEN, "Failed": typer.colors.RED}.get(run.status, typer.colors.YELLOW)
    status = typer.style(run.status, fg=colour) if sys.stderr.isatty() else run.status
    say(f"{status}{took}: {run.error}" if run.error else f"{status}{took}")
    if run.status != "Completed":
        raise typer.Exit(FAILED)


class _Writer:
    """Writes a program's bytes as they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._last = b"\n"
        self.any = False

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        self._last, self.any = data[-1:] or self._last, True

    def end_line(self) -> None:
        """Begin a new line where the program did not."""
        if self._last != b"\n":
            self.write(b"\n")
