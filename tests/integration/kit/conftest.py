"""A server of the echo contract on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from orris_kit.server import Server
from tests.fakes import echo
from tests.fakes.echo_server import EchoServicer, Setup, Tokens


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    servicer = EchoServicer()
    server = Server(authenticator=Tokens(), default_timeout=0.3)
    server.add(echo.add_to_server, servicer)
    running = Setup(server, servicer)
    running.port = await server.start()
    yield running
    await asyncio.gather(*(channel.close() for channel in running.channels))
    await server.stop(0)
