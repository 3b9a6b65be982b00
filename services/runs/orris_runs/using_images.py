"""Images that unfinished runs need are asked for now and then: so they count as used, and are not collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from orris.errors import OrrisError
from orris_kit.blocking import run_blocking
from orris_kit.database import read
from orris_kit.logging import get_logger
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.schema import runs
from orris_runs.states import FINAL

# Images that were asked for within two hours are never collected.
EVERY_SECONDS = 3600.0

log = get_logger(__name__)


async def use_images(core: Core, images: Images, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Ask for the images of unfinished runs once an hour, until canceled."""
    while True:
        for image in await run_blocking(needed_images, core):
            try:
                await images.use(image)
            except OrrisError as error:
                log.warning("an image could not be asked for", image=image, why=error.message)
        await pause(EVERY_SECONDS)


def needed_images(core: Core) -> list[str]:
    """Return the images of unfinished runs."""
    needed = sa.select(runs.c.image).distinct().where(runs.c.state.not_in(sorted(FINAL)), runs.c.image != "")
    with read(core.store.engine) as connection:
        return sorted(connection.execute(needed).scalars())
