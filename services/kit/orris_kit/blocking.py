"""Blocking code beside the event loop: one bounded pool of threads per process."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_WORKERS = 16


class _End:
    """Stands for the end of a generator: StopIteration does not pass through a future."""


_END = _End()


async def run_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in the pool, under the caller's context variables.

    A cancelled caller stops waiting; the function itself goes on to its end.
    """
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool(), call)


async def iterate_blocking(steps: Generator[T, None, None]) -> AsyncGenerator[T, None]:
    """Give what a blocking generator gives, each step in the pool. Left early, it is closed after its current step."""
    at_work = threading.Lock()

    def step() -> T | _End:
        with at_work:
            return next(steps, _END)

    def close() -> None:
        with at_work:
            steps.close()

    try:
        while not isinstance(item := await run_blocking(step), _End):
            yield item
    finally:
        await run_blocking(close)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_WORKERS, thread_name_prefix="blocking")
