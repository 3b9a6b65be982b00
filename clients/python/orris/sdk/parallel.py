"""Jobs side by side in a few threads, and how far they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Called with the bytes done and those to do.
OnProgress = Callable[[int, int], object]


def for_each(pool: Executor, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what `function` returns for each item, in order. The first error is raised, after what runs has ended."""
    jobs = [pool.submit(function, item) for item in items]
    try:
        wait(jobs, return_when=FIRST_EXCEPTION)
    finally:
        left = [job for job in jobs if not job.cancel()]
        wait(left)
    for job in left:
        job.result()
    return [job.result() for job in jobs]


class Progress:
    """Counts bytes, from several threads, and tells a listener: one call at a time."""

    def __init__(self, total: int, listener: OnProgress | None, done: int = 0) -> None:
        self._total = total
        self._done = done
        self._listener = listener
        self._lock = threading.Lock()
        self.add(0)

    def add(self, size: int) -> None:
        """Count bytes as done."""
        with self._lock:
            self._done += size
            if self._listener is not None:
                self._listener(self._done, self._total)
