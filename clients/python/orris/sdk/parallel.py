"""Jobs side by side in a few threads, and how far they are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from typing import Self, TypeVar

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


def ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """Give what `function` returns for each item, in order, while up to `most` of the next are being worked on."""
    jobs: deque[Future[R]] = deque()
    try:
        for item in items:
            jobs.append(pool.submit(function, item))
            if len(jobs) > most:
                yield jobs.popleft().result()
        while jobs:
            yield jobs.popleft().result()
    finally:
        for job in jobs:
            job.cancel()


class Crew:
    """A few threads and a bounded number of jobs for them. Leaving the block with an error drops those not begun."""

    def __init__(self, threads: int, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._jobs: set[Future[object]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def do(self, function: Callable[[T], object], item: T) -> None:
        """Give the crew a job, when there is room for one. Raises the error of an earlier job."""
        while len(self._jobs) >= self._most:
            self._take_back(FIRST_COMPLETED)
        self._jobs.add(self._pool.submit(function, item))

    def finish(self) -> None:
        """Wait until all is done. Raises the first error at once."""
        while self._jobs:
            self._take_back(FIRST_EXCEPTION)

    def _take_back(self, when: str) -> None:
        done, self._jobs = wait(self._jobs, return_when=when)
        for job in done:
            job.result()


class Progress:
    """Counts bytes, from several threads, and tells a listener: one call at a time, never more than the total."""

    def __init__(self, total: int, listener: OnProgress | None, done: int = 0) -> None:
        self._total = total
        self._done = done
        self._listener = listener
        self._lock = threading.Lock()
        self.add(0)

    def add(self, size: int) -> None:
        """Count bytes as done."""
        with self._lock:
            self._done = min(self._done + size, self._total)
            if self._listener is not None:
                self._listener(self._done, self._total)

    def finish(self) -> None:
        """Count all as done, also what turned out to be smaller than it was."""
        self.add(self._total)
