"""Notifications inside a process: "something about this key has changed, look again".

    async with changes.watch(run_id) as waiter:
        while True:
            state = await run_blocking(read)
            ...
            await waiter.wait(timeout=30)

Level-triggered: what is notified after `watch` began is never missed, however often it happens between two waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager, suppress


class Waiter:
    """One watcher of one key."""

    __slots__ = ("_changed", "_loop")

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def wait(self, timeout: float | None = None) -> bool:
        """Return True as soon as the key has changed since the last wait, False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def wake(self) -> None:
        """Let the watcher look again; from any thread."""
        with suppress(RuntimeError):  # its loop is closed: nobody waits there any more
            self._loop.call_soon_threadsafe(self._changed.set)


class Changes:
    """Who watches what. A key costs nothing while nobody watches it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: defaultdict[Hashable, set[Waiter]] = defaultdict(set)

    def notify(self, key: Hashable) -> None:
        """Wake all who watch `key`; from any thread, after the change is committed."""
        with self._lock:
            waiters = tuple(self._waiters[key]) if key in self._waiters else ()
        for waiter in waiters:
            waiter.wake()

    @asynccontextmanager
    async def watch(self, key: Hashable) -> AsyncIterator[Waiter]:
        """Watch `key` for as long as the block runs."""
        waiter = Waiter()
        with self._lock:
            self._waiters[key].add(waiter)
        try:
            yield waiter
        finally:
            self._leave(key, waiter)

    def _leave(self, key: Hashable, waiter: Waiter) -> None:
        with self._lock:
            self._waiters[key].discard(waiter)
            if not self._waiters[key]:
                del self._waiters[key]
