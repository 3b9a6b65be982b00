"""Brings engines and rules together: asks, decides, tells, for each pool in a task of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from orris.errors import OrrisError
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger
from orris_runs.engines.port import Engine, EngineUnavailable
from orris_runs.pools.keeping import Keeping, Kept, Todo
from orris_runs.store import POOLS_CHANGED, Store

log = get_logger(__name__)
T = TypeVar("T")

# How often an engine is asked for its nodes: while something is under way, and while nothing is.
MOVING_SECONDS, SETTLED_SECONDS = 0.5, 5.0
# So long after a change others may come that are decided together.
GATHERING_SECONDS = 0.1
CALL_SECONDS = 120.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 60.0

MakeEngine = Callable[[str], Engine]


class Keeper:
    """Keeps the nodes of all pools that have an engine. `make` returns an engine by name; it is closed here."""

    def __init__(self, store: Store, keeping: Keeping, make: MakeEngine) -> None:
        self._store = store
        self._keeping = keeping
        self._make = make
        self._engines: dict[str, Engine] = {}

    async def run(self) -> None:
        """Go on until canceled."""
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group, self._store.changes.watch(POOLS_CHANGED) as waiter:
                while True:
                    tasks = {pool: task for pool, task in tasks.items() if not task.done()}
                    for pool, kept in (await run_blocking(self._keeping.kept)).items():
                        if pool not in tasks:
                            tasks[pool] = group.create_task(self._keep(pool, kept))
                    await waiter.wait()
        finally:
            for opened in self._engines.values():
                await asyncio.to_thread(opened.close)
            self._engines.clear()

    async def _keep(self, pool: str, kept: Kept) -> None:
        # A thread of its own: an engine that hangs keeps nobody else waiting.
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"pool-{pool}")
        try:
            await self._go_on(_Calls(thread), pool, kept)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _go_on(self, calls: "_Calls", pool: str, kept: Kept) -> None:
        retry, ray_known = FIRST_RETRY_SECONDS, False
        async with self._store.changes.watch(POOLS_CHANGED) as waiter:
            while True:
                try:
                    todo = await self._once(calls, pool, kept.engine)
                    if todo.over:
                        return
                    if not ray_known:
                        versions = await calls.make(partial(self._engines[kept.engine].ray, kept.options))
                        await run_blocking(self._keeping.note_ray, pool, versions)
                except EngineUnavailable as problem:
                    log.warning("an engine cannot be asked", pool=pool, engine=kept.engine, reason=problem.message)
                    await run_blocking(self._keeping.note_error, pool, problem.message)
                    await asyncio.sleep(retry)
                    # What answers next may be another cluster.
                    retry, ray_known = min(2 * retry, LONGEST_RETRY_SECONDS), False
                    continue
                retry, ray_known = FIRST_RETRY_SECONDS, True
                if await waiter.wait(timeout=SETTLED_SECONDS if todo.settled else MOVING_SECONDS):
                    await asyncio.sleep(GATHERING_SECONDS)

    async def _once(self, calls: "_Calls", pool: str, engine: str) -> Todo:
        if engine not in self._engines:
            self._engines[engine] = await calls.make(partial(self._make, engine))
        asked = self._engines[engine]
        seen = await calls.make(partial(asked.nodes, pool))
        todo = await run_blocking(self._keeping.look_after, pool, seen)
        for request in todo.start:
            await calls.make(partial(asked.start, request))
        for node in todo.stop:
            await calls.make(partial(asked.stop, pool, node))
        return todo


class _Calls:
    """Calls an engine in a thread, each for a limited time."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def make(self, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await loop.run_in_executor(self._thread, call)
        except TimeoutError:
            message = f"the engine has not answered within {CALL_SECONDS:g} seconds"
            raise EngineUnavailable(message) from None
        except EngineUnavailable:
            raise
        except OrrisError as problem:
            raise EngineUnavailable(problem.message) from problem
        except Exception as problem:
            log.exception("an engine has failed")
            raise EngineUnavailable(f"the engine has failed ({type(problem).__name__}): {problem}") from problem
