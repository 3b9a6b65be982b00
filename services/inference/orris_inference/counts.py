"""What endpoints count, kept in the database now and then, so that it goes on after a restart.

kill -9 takes the counts of the last SAVE_SECONDS; no request waits for this.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, suppress

import sqlalchemy as sa

from orris_inference.routes import Routes
from orris_inference.schema import counts
from orris_kit.blocking import run_blocking
from orris_kit.database import read, write
from orris_kit.logging import get_logger

SAVE_SECONDS = 15.0

log = get_logger(__name__)


class Counts:
    """The counts of all endpoints, in the database as they were last saved."""

    def __init__(self, engine: sa.Engine, routes: Routes) -> None:
        self._engine = engine
        self._routes = routes
        self._saved: dict[str, str] = {}

    async def keep(self, stack: AsyncExitStack) -> None:
        """Let endpoints go on with what was saved, and save from now on, for the last time when `stack` closes."""
        self._saved = await run_blocking(self._load)
        self._routes.take_up({uid: json.loads(text) for uid, text in self._saved.items()})
        over = asyncio.Event()
        saving = asyncio.create_task(self._save_until(over))

        async def end() -> None:
            over.set()
            await saving

        stack.push_async_callback(end)

    async def save(self) -> None:
        """Save what has changed."""
        now = {uid: json.dumps(each) for uid, each in self._routes.counted().items()}
        changed = {uid: text for uid, text in now.items() if self._saved.get(uid) != text}
        gone = self._saved.keys() - now.keys()
        if changed or gone:
            await run_blocking(self._exchange, changed, gone)
            self._saved = now

    async def _save_until(self, over: asyncio.Event) -> None:
        ended = False
        while not ended:
            with suppress(TimeoutError):
                ended = await asyncio.wait_for(over.wait(), SAVE_SECONDS)
            try:
                await self.save()
            except Exception:
                log.exception("what endpoints count could not be saved; it is tried again")

    def _load(self) -> dict[str, str]:
        with read(self._engine) as connection:
            return {uid: text for uid, text in connection.execute(sa.select(counts))}  # noqa: C416  # rows are no pairs

    def _exchange(self, changed: dict[str, str], gone: set[str]) -> None:
        with write(self._engine) as connection:
            connection.execute(counts.delete().where(counts.c.endpoint_uid.in_([*changed, *gone])))
            if changed:
                rows = [{"endpoint_uid": uid, "counts": text} for uid, text in sorted(changed.items())]
                connection.execute(counts.insert(), rows)
