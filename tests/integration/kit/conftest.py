"""A server of the echo contract on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest

from orris_kit.server import Server
from orris_kit.within import answered_within
from tests.fakes import echo
from tests.fakes.echo_server import EchoServicer, Setup, Tokens


@pytest.fixture(params=["over the network", "within"])
async def setup(request: pytest.FixtureRequest) -> AsyncIterator[Setup]:
    """A running server, and channels to it: another process's, or those of its own, which must not be told apart."""
    servicer = EchoServicer()
    server = Server(authenticator=Tokens(), default_timeout=0.3)
    server.add(echo.add_to_server, servicer)
    running = Setup(server, servicer)
    running.port = await server.start()
    with answered_within(running.address, server) if request.param == "within" else nullcontext():
        yield running
    await asyncio.gather(*(channel.close() for channel in running.channels))
    await server.stop(0)
