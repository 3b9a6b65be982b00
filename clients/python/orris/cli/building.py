"""Builds as they go on: the log on standard output; on standard error how far they are, live in a terminal."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

import typer

from orris.cli.failures import FAILED, say
from orris.cli.output import duration

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from orris.sdk.build import Build

LINE_EVERY_SECONDS = 5.0


def show_to_the_end(build: Build, output: TextIO | None = None) -> None:
    """Show a build until it has ended. Raises StillRunning on Ctrl-C, typer.Exit(1) unless it Succeeded."""
    from orris.sdk.build_following import follow, goes_on
    from orris.sdk.failures import StillRunning

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        with progress({"": build}) as tell:
            for data in follow(build):
                (output or sys.stdout).write(decoder.decode(data))
                (output or sys.stdout).flush()
                tell.update()
    except KeyboardInterrupt:
        raise StillRunning(goes_on(build)) from None
    if not conclude(build):
        raise typer.Exit(FAILED)


def conclude(build: Build, name: str = "") -> bool:
    """Say how a build ended; return whether it Succeeded."""
    took = "" if build.seconds is None else f" after {duration(build.seconds)}"
    for warning in build.warnings:
        say(f"{name}{warning if warning.startswith('WARNING: ') else f'warning: {warning}'}")
    succeeded = build.status == "Succeeded"
    colour = typer.colors.GREEN if succeeded else typer.colors.RED if build.error else typer.colors.YELLOW
    status = typer.style(build.status, fg=colour) if sys.stderr.isatty() else build.status
    how = "it was there already" if build.cached else f"image {build.image.rpartition('/')[2]}"
    say(f"{name}{status}{'' if build.cached else took}: {how if succeeded else build.error or 'no reason is known'}")
    return succeeded


class Progress(Protocol):
    """Tells of builds on standard error."""

    def update(self) -> None:
        """Tell how the builds stand now."""


@contextmanager
def progress(builds: dict[str, Build]) -> Iterator[Progress]:
    """Give what tells how far builds are: a line each that changes in a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _Lines(builds)
        return
    from rich.console import Console
    from rich.live import Live

    # What is printed meanwhile to the same terminal goes above.
    both = sys.stdout.isatty()
    with Live(
        console=Console(stderr=True, soft_wrap=True), transient=True, auto_refresh=False, redirect_stdout=both
    ) as live:
        yield _Table(builds, live)


class _Table:
    def __init__(self, builds: dict[str, Build], live: Live) -> None:
        self._builds, self._live = builds, live

    def update(self) -> None:
        self._live.update(table(self._builds), refresh=True)


class _Lines:
    def __init__(self, builds: dict[str, Build]) -> None:
        self._builds = builds
        self._told: dict[str, tuple[str, float]] = {}

    def update(self) -> None:
        for name, build in self._builds.items():
            status, time_told = self._told.get(name, ("", 0.0))
            if build.finished or (status == build.status and time.monotonic() - time_told < LINE_EVERY_SECONDS):
                continue
            self._told[name] = build.status, time.monotonic()
            say(": ".join(filter(None, [name, f"{build.status} {build.progress_percent} %", build.progress])))


def table(builds: dict[str, Build]) -> Table:
    """Return a line for each build, cut to the width of the terminal."""
    from rich.table import Table

    lines = Table.grid(padding=(0, 1), expand=True)
    first = ["name"] if any(builds) else []
    for _ in (*first, "status", "percent"):
        lines.add_column(no_wrap=True)
    lines.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for name, build in builds.items():
        lines.add_row(*(name for _ in first), build.status, f"{build.progress_percent:>3} %", build.progress)
    return lines


def follow_all(builds: dict[str, Build]) -> Sequence[str]:
    """Show how far builds are until all have ended; return the names of those that did not succeed."""
    from orris.sdk.build_following import POLL_SECONDS
    from orris.sdk.failures import StillRunning

    try:
        with progress(builds) as tell:
            while any(not build.finished for build in builds.values()):
                for build in builds.values():
                    if not build.finished:
                        build.refresh()
                tell.update()
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        raise StillRunning("the builds go on: see `orris builds list`") from None
    return [name for name, build in builds.items() if not conclude(build, f"{name}: ")]
