"""Collect images that nobody needs now and then, beside the calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from orris.errors import OrrisError
from orris_images.removing import Removing
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

# A service that runs for an hour a day collects, too.
FIRST_WITHIN_SECONDS = 600.0

log = get_logger(__name__)


def sweep_beside(stack: AsyncExitStack, removing: Removing, unused: timedelta, interval: timedelta) -> None:
    """Collect images until `stack` is closed."""
    task = asyncio.create_task(sweep(removing, unused, interval))

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


async def sweep(
    removing: Removing,
    unused: timedelta,
    interval: timedelta,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Collect what was not used for a time, of all workspaces, each `interval`; never returns."""
    await pause(random.uniform(0, min(interval.total_seconds(), FIRST_WITHIN_SECONDS)))
    while True:
        try:
            for workspace in await run_blocking(removing.workspaces):
                found = await run_blocking(removing.collect, workspace, unused)
                if found:
                    log.info(
                        "images collected", workspace=workspace, images=len(found), bytes=sum(i.size for i in found)
                    )
        except OrrisError as error:
            log.warning("images were not collected to the end", reason=error.reason, message=error.message)
        except Exception:
            log.exception("collecting images failed; it is tried again next time")
        await pause(interval.total_seconds())
