"""Opening databases in services: for several processes, or for one while others stand by.

engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_runs", metadata))
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import sqlalchemy as sa

from orris_kit.blocking import run_blocking
from orris_kit.database.claims import Claim, Superseded, claim_on
from orris_kit.database.errors import DatabaseUnavailable
from orris_kit.database.opening import make_engine, prepare
from orris_kit.database.traits import traits_of
from orris_kit.logging import get_logger

ASK_SECONDS = 1.0
# Whoever lost the claim without noticing has noticed by then.
SETTLE_SECONDS = 2.0

log = get_logger(__name__)


@asynccontextmanager
async def open_shared(url: str, package: str, metadata: sa.MetaData) -> AsyncIterator[sa.Engine]:
    """Open a database as `open_database` does, waiting while it cannot be reached."""
    engine = make_engine(url, package)
    try:
        await _prepare(engine, package, metadata)
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def open_alone(
    url: str,
    package: str,
    metadata: sa.MetaData,
    end: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGTERM),
) -> AsyncIterator[sa.Engine]:
    """Open a database for this process alone: what it remembers stays true. Another one stands by until it ends.

    `end` is called when the claim was lost to another process; from then on nothing can be written.
    """
    engine = make_engine(url, package)
    noun = package.removeprefix("orris_")
    claim = claim_on(engine)
    try:
        await _wait_for(claim, noun)
        traits_of(engine).gate = claim.check
        keeping = asyncio.create_task(_keep(claim, noun, end))
        try:
            await _prepare(engine, package, metadata)
            yield engine
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
    finally:
        await asyncio.to_thread(claim.release)
        engine.dispose()


async def _prepare(engine: sa.Engine, package: str, metadata: sa.MetaData) -> None:
    while True:
        try:
            await run_blocking(prepare, engine, package, metadata)
            return
        except DatabaseUnavailable:
            await asyncio.sleep(ASK_SECONDS)


async def _wait_for(claim: Claim, noun: str) -> None:
    waited = False
    while not (held := await _take(claim)):
        if held is False and not waited:
            waited = True
            log.info(f"another {noun} service uses this database; waiting until it ends")
        await asyncio.sleep(ASK_SECONDS)
    if waited:
        if not claim.lasting:
            await asyncio.sleep(SETTLE_SECONDS)
        log.info(f"the other {noun} service has ended; this one takes over")


async def _keep(claim: Claim, noun: str, end: Callable[[], None]) -> None:
    """Ask again and again; take the claim anew where its session was lost."""
    while not claim.lasting:
        await asyncio.sleep(ASK_SECONDS)
        try:
            await _take(claim)
        except Superseded:
            log.error(f"another {noun} service has taken this database over; this one ends")
            end()
            return
        except Exception:
            log.exception("the claim on the database could not be looked after")


async def _take(claim: Claim) -> bool | None:
    """Take the claim; return False where another has it, None where the database cannot be reached."""
    try:
        # In a thread of its own: calls that wait for a database that is gone must not hold it up.
        return await asyncio.to_thread(claim.take)
    except DatabaseUnavailable:
        return None
