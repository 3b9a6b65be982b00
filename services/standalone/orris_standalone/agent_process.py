"""The agent beside the services: a process of its own, so that no process of a service ever starts user code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from orris_kit.logging import get_logger

log = get_logger(__name__)

_STOP_SECONDS = 5
_RESTART_SECONDS = 1


@contextlib.asynccontextmanager
async def kept_running(home: Path, settings: Mapping[str, str]) -> AsyncIterator[None]:
    """Keep an agent running with these settings while the context lasts; start it again when it ends."""
    task = asyncio.create_task(_keep(home, {**os.environ, **settings}))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep(home: Path, environment: dict[str, str]) -> None:
    while True:
        # The agent ends when its standard input does: also when this process is killed.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "orris_agent", "--until-eof",
            stdin=asyncio.subprocess.PIPE, env=environment, cwd=home, start_new_session=True,
        )  # fmt: skip
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
        log.warning("agent ended, starting it again", exit_code=code)
        await asyncio.sleep(_RESTART_SECONDS)


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
