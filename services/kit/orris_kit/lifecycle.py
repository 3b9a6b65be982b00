"""From start to stop: stages that are opened in order and closed in reverse, signals, the event loop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from pathlib import Path
from typing import Any, Self, TypeVar

from orris.errors import OrrisError
from orris_kit.logging import get_logger
from orris_kit.memory import share_heaps

T = TypeVar("T")
log = get_logger(__name__)


class Stages:
    """An exit stack that says what it starts and stops, numbered: a hang names its stage."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._stack = AsyncExitStack()
        self._count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        return await self._stack.__aexit__(*raised)

    async def enter(self, name: str, resource: AbstractContextManager[T] | AbstractAsyncContextManager[T]) -> T:
        """Open a resource, to be closed when the stages end."""
        self._begin(name)
        begin = time.monotonic()
        if isinstance(resource, AbstractAsyncContextManager):
            opened = await self._stack.enter_async_context(resource)
        else:
            opened = self._stack.enter_context(resource)
        self._stack.callback(self._log, "stopping", name, self._count)
        self._log("started", name, self._count, ms=(time.monotonic() - begin) * 1000)
        return opened

    def on_stop(self, name: str, close: Callable[..., Any], *args: Any) -> None:
        """Call `close` (a function or a coroutine function) when the stages end."""
        self._begin(name)
        if asyncio.iscoroutinefunction(close):
            self._stack.push_async_callback(close, *args)
        else:
            self._stack.callback(close, *args)
        self._stack.callback(self._log, "stopping", name, self._count)

    def _begin(self, name: str) -> None:
        self._count += 1
        self._log("starting", name, self._count)

    def _log(self, sentence: str, name: str, number: int, **fields: object) -> None:
        log.debug(f"{sentence} a stage", service=self._service, stage=f"{number}-{name}", **fields)


@asynccontextmanager
async def stop_signals() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set, instead of ending the process."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGTERM, signal.SIGINT):
        # No such thing on Windows, nor outside the main thread: there the default remains.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stopping.set)
            caught.append(number)
    try:
        yield stopping
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def settle() -> None:
    """Let the garbage collector look at what comes from now on, and less often: what a service has at its start stays.

    Measured: a tenth of the processor time of submissions.
    """
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


def main(program: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a program to its end, on uvloop where it imports."""
    share_heaps()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(program())


def run_alone(program: Callable[[], Coroutine[Any, Any, T]]) -> None:
    """Run a service that is a process of its own. What ends it is told in a sentence; level `debug` says where."""
    try:
        main(program)
    except (OrrisError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise
        log.debug("this is where it ended", exc_info=True)
        why = error.message if isinstance(error, OrrisError) else f"{error.filename} cannot be used: {error.strerror}"
        sys.exit(f"{Path(sys.argv[0]).parent.name}: {why}")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
