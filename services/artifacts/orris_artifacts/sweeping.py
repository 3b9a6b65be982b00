"""Collect garbage now and then, beside the calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import timedelta

from orris.errors import OrrisError
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_kit.blocking import iterate_blocking, run_blocking
from orris_kit.logging import get_logger

# A service that runs for an hour a day collects garbage, too; several do not begin at once.
FIRST_WITHIN_SECONDS = 600.0

log = get_logger(__name__)


def sweep_beside(stack: AsyncExitStack, core: Artifacts, grace: timedelta, interval: timedelta) -> None:
    """Collect garbage until `stack` is closed; that waits for one step at most."""
    task = asyncio.create_task(sweep(core, grace, interval))

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


async def sweep(
    core: Artifacts, grace: timedelta, interval: timedelta, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Collect the garbage of all workspaces each `interval`, over all processes together; never returns."""
    await pause(random.uniform(0, min(interval.total_seconds(), FIRST_WITHIN_SECONDS)))
    while True:
        try:
            await run_blocking(core.garbage.tidy)
            for workspace in await run_blocking(core.garbage.due, interval):
                await _collect(core, workspace, grace)
        except Exception:
            log.exception("looking for garbage failed; it is tried again next time")
        await pause(interval.total_seconds())


async def _collect(core: Artifacts, workspace: str, grace: timedelta) -> None:
    found = Garbage()
    try:
        async with aclosing(iterate_blocking(core.garbage.collect(workspace, grace))) as steps:
            async for now in steps:
                found = now
    except OrrisError as error:
        fields = {"reason": error.reason, "message": error.message}
        log.warning("garbage was not collected to the end", workspace=workspace, **fields, **found.numbers())
    except Exception:
        log.exception("collecting garbage failed; it is tried again next time", workspace=workspace)
    else:
        log.info("garbage collected", workspace=workspace, **found.numbers())
