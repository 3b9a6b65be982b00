"""How far long work is, on standard error: a bar in a terminal that has Rich, else a line now and then.

Short work says nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Work shorter than this is over before anybody wonders.
BAR_AFTER_SECONDS = 0.7
LINE_EVERY_SECONDS = 5.0
MEGABYTE = 1_000_000


class ByteProgress:
    """Counts the bytes of one piece of work; to be called with those done and all of them."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._start = self._spoken = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if _fancy():
            if now - self._start >= BAR_AFTER_SECONDS:
                self._draw(done, total)
        elif now - self._spoken >= LINE_EVERY_SECONDS:
            self._spoken = now
            _line(f"{self._title}: {done / MEGABYTE:,.1f} of {total / MEGABYTE:,.1f} MB")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._title, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def bytes_shown(title: str) -> Iterator[ByteProgress]:
    """Give what is to be told the bytes done; the bar goes when the block ends."""
    progress = ByteProgress(title)
    try:
        yield progress
    finally:
        progress.close()


@contextmanager
def busy(title: str) -> Iterator[None]:
    """Say that something goes on whose end cannot be foretold, when it takes long."""
    spinner = _Spinner(title)
    timer = threading.Timer(BAR_AFTER_SECONDS if _fancy() else LINE_EVERY_SECONDS, spinner.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        spinner.stop()


class _Spinner:
    def __init__(self, title: str) -> None:
        self._title = title
        self._status: Any = None
        self._lock = threading.Lock()
        self._over = False

    def start(self) -> None:
        with self._lock:
            if self._over:
                return
            if not _fancy():
                _line(f"{self._title} …")
                return
            from rich.console import Console

            self._status = Console(stderr=True).status(self._title)
            self._status.start()

    def stop(self) -> None:
        with self._lock:
            self._over = True
            if self._status is not None:
                self._status.stop()


def _fancy() -> bool:
    """Tell whether there is a terminal that Rich can draw in."""
    if not sys.stderr.isatty():
        return False
    try:
        import rich.progress  # noqa: F401  # only whether it is there
    except ImportError:
        return False
    return True


def _line(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
