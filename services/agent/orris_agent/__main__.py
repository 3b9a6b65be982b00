"""Run an agent: `python -m orris_agent`. It ends on SIGTERM, and its runs go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any

from orris_agent.agent import Agent
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
        if UNTIL_EOF in sys.argv[1:]:
            await _stop_with_stdin(stopping)
        agent = await open_agent(settings, stack)
        running = asyncio.ensure_future(agent.run())
        lifecycle.settle()
        await asyncio.wait([running, asyncio.ensure_future(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
        if settings.finish_on_stop and not running.done():
            await _finish(agent, running, stopping)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _finish(agent: Agent, running: asyncio.Future[None], stopping: asyncio.Event) -> None:
    """Let the agent end what it has, until it is told to end once more."""
    stopping.clear()
    finished = asyncio.ensure_future(agent.finish(TOLD_TO_END))
    again = asyncio.ensure_future(stopping.wait())
    waited: list[asyncio.Future[Any]] = [running, finished, again]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finished.cancel()
    again.cancel()


async def _stop_with_stdin(stopping: asyncio.Event) -> None:
    """Stop when whoever started the agent is gone: the other end of standard input closes then, however it ended."""

    class UntilClosed(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            stopping.set()

    # The loop holds the protocol. A task that reads would be held by nobody, and collected.
    await asyncio.get_running_loop().connect_read_pipe(UntilClosed, sys.stdin)


if __name__ == "__main__":
    lifecycle.run_alone(main)
