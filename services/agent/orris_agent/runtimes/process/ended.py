"""Wait for the end of a run's supervisor, which need not be a child of this process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from orris_agent.exits import Exit
from orris_agent.runtimes.port import Ending
from orris_agent.runtimes.process import supervisors
from orris_kit.blocking import run_blocking

_LOST = (
    "A process above the run's program was killed from outside, or its machine restarted: how it ended is not known. "
    "Submit the run again."
)
_POLL = 0.2  # seconds, where the system has no file descriptors for processes
_LOOK = 2.0  # seconds: what goes on to another run may have had nobody to tell


async def wait_for_exit(folder: Path, told: asyncio.Future[None] | None = None) -> Exit | None:
    """Return how the run in `folder` ended; None where its supervisor vanished without a word.

    What a vanished supervisor left running is ended first. `told`: done when the supervisor lets go of the run, if it
    goes on then.
    """
    while supervisors.is_alive(folder):
        await _until_gone(folder, told)
    ended = supervisors.read_exit(folder)
    if ended is None:
        await run_blocking(supervisors.kill_leftovers, folder)
    return ended


def ending_of(recorded: Exit | None) -> Ending:
    """Return what an agent makes of a record, or of there being none."""
    if recorded is None or recorded.reason == "lost":
        return Ending(None, lost=_LOST)
    if recorded.reason != "out_of_memory":
        return Ending(recorded)
    remedy = "its processes were ended. Give it more (resources.memory_bytes), or less to do."
    return Ending(recorded, out_of_memory=f"The run {recorded.message}; {remedy}")


async def end(folder: Path) -> None:
    """End the run in `folder` and all its processes."""
    if supervisors.cancel(folder) or supervisors.read_exit(folder) is None:
        await wait_for_exit(folder)


async def _until_gone(folder: Path, told: asyncio.Future[None] | None) -> None:
    """Return when the supervisor may have gone: the caller looks again."""
    handle = supervisors.open_handle(folder)
    if handle is None:
        await asyncio.sleep(_POLL)
        return
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    try:
        loop.add_reader(handle, _settle, gone)
        events = {gone} if told is None or told.done() else {gone, told}
        await asyncio.wait(events, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
