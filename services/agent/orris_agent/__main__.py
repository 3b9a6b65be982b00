"""Run an agent: `python -m orris_agent`. It ends on SIGTERM, with `--until-eof` with its input, and its runs go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine
from typing import Any

from orris_agent.config import Settings
from orris_agent.service import open_agent
from orris_kit import lifecycle, logging
from orris_kit.telemetry import telemetry

UNTIL_EOF = "--until-eof"
TOLD_TO_END = "its machine is taken away: the agent was told to end (SIGTERM)"


async def main() -> None:
    settings = Settings()
    logging.setup(settings.log_level, settings.log_style)
    async with lifecycle.stop_signals() as stopping, contextlib.AsyncExitStack() as stack:
        stack.enter_context(telemetry("orris-agent", settings, os.environ))
        deserted = asyncio.Event()
        if UNTIL_EOF in sys.argv[1:]:
            await _notice_eof(deserted)
        agent = await open_agent(settings, stack)
        running = asyncio.ensure_future(agent.run())
        lifecycle.settle()
        await _first_of(running, stopping.wait(), deserted.wait())
        if settings.finish_on_stop and not running.done() and not deserted.is_set():
            stopping.clear()
            await _first_of(running, agent.finish(TOLD_TO_END), stopping.wait(), deserted.wait())
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _first_of(running: asyncio.Future[None], *others: Coroutine[Any, Any, Any]) -> None:
    """Wait for whichever is first, and for the others no more; the agent runs on."""
    tasks = [asyncio.ensure_future(each) for each in others]
    await asyncio.wait([running, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _notice_eof(deserted: asyncio.Event) -> None:
    """Note when whoever started the agent is gone: the other end of standard input closes then, however it ended."""

    class UntilClosed(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            deserted.set()

    # The loop holds the protocol. A task that reads would be held by nobody, and collected.
    await asyncio.get_running_loop().connect_read_pipe(UntilClosed, sys.stdin)


if __name__ == "__main__":
    lifecycle.run_alone(main)
