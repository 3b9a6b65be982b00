"""Run an agent: `python -m orris_agent`. It ends on SIGTERM, and its runs go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from orris_agent.config import Settings
from orris_agent.service import open_agent
from orris_kit import lifecycle, logging
from orris_kit.telemetry import telemetry

UNTIL_EOF = "--until-eof"


async def main() -> None:
    settings = Settings()
    logging.setup(settings.log_level, settings.log_style)
    async with lifecycle.stop_signals() as stopping, contextlib.AsyncExitStack() as stack:
        stack.enter_context(telemetry("orris-agent", settings, os.environ))
        if UNTIL_EOF in sys.argv[1:]:
            await _stop_with_stdin(stopping)
        agent = asyncio.ensure_future((await open_agent(settings, stack)).run())
        await asyncio.wait([agent, asyncio.ensure_future(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
        agent.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await agent


async def _stop_with_stdin(stopping: asyncio.Event) -> None:
    """Stop when whoever started the agent is gone: the other end of standard input closes then, however it ended."""

    class UntilClosed(asyncio.Protocol):
        def connection_lost(self, error: Exception | None) -> None:
            stopping.set()

    # The loop holds the protocol. A task that reads would be held by nobody, and collected.
    await asyncio.get_running_loop().connect_read_pipe(UntilClosed, sys.stdin)


if __name__ == "__main__":
    lifecycle.main(main)
