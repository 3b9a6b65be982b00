"""The stream of a pool: how it stands, until it is gone. Watchers are notified."""

import asyncio
from collections.abc import AsyncIterator

from orris.errors import NotFound
from orris_kit.blocking import run_blocking
from orris_runs.core import Core
from orris_runs.pools.model import Pool
from orris_runs.store import pool_changed

# Nodes of a large pool change all the time: no look more often than this.
PAUSE_SECONDS = 0.2
# That a node has become silent is no change that anybody makes: it is seen by looking.
LOOK_SECONDS = 5.0


async def watch_pool(core: Core, pool_id: str) -> AsyncIterator[tuple[Pool, bool]]:
    """Give a pool whenever it has changed, and whether it is gone, until it is. Raises NotFound (POOL_NOT_FOUND)."""
    async with core.store.changes.watch(pool_changed(pool_id)) as changed:
        pool = await run_blocking(core.pools.get, pool_id)
        yield pool, False
        while True:
            await changed.wait(LOOK_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                now = await run_blocking(core.pools.get, pool_id)
            except NotFound:
                yield pool, True
                return
            if now != pool:
                pool = now
                yield pool, False
