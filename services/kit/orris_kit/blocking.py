"""Blocking code beside the event loop: one bounded pool of threads per process."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

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
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    _pool().submit(_answers_of(loop).give, loop, answer, call)
    return await answer


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


class _Answers:
    """What threads have for one event loop. It is woken once for all that has come until it looks.

    asyncio's own way wakes it for each and chains two futures; that costs as much as a small transaction.
    """

    def __init__(self) -> None:
        self._ready: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._waking = False

    def give(self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], call: Callable[[], T]) -> None:
        """Call, in a thread, and let the loop know what came of it."""
        try:
            self._ready.append((answer, call(), None))
        except StopIteration as error:
            self._ready.append((answer, None, RuntimeError(f"a future does not pass {error!r} on")))
        except BaseException as error:
            self._ready.append((answer, None, error))
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        # First: what comes from now on is either seen below or wakes the loop again.
        self._waking = False
        while self._ready:
            answer, value, error = self._ready.popleft()
            if answer.done():  # who asked was canceled
                continue
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)


_all_answers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Answers] = WeakKeyDictionary()


def _answers_of(loop: asyncio.AbstractEventLoop) -> _Answers:
    if (answers := _all_answers.get(loop)) is None:
        answers = _all_answers[loop] = _Answers()
    return answers


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_WORKERS, thread_name_prefix="blocking")
