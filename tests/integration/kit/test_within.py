"""What is different about calls within a process. What is the same is tested beside calls over the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orris import errors
from orris_kit.context import current_request_id
from orris_kit.server import Server
from orris_kit.within import answered_within
from tests.fakes import echo
from tests.fakes.echo import Echo
from tests.fakes.echo_server import EchoServicer, Setup, Tokens


@pytest.fixture
async def alone(unused_tcp_port: int) -> AsyncIterator[Setup]:
    """A server that does not listen."""
    servicer = EchoServicer()
    server = Server(authenticator=Tokens())
    server.add(echo.add_to_server, servicer)
    setup = Setup(server, servicer)
    setup.port = unused_tcp_port
    with answered_within(setup.address, server):
        yield setup
    await asyncio.gather(*(channel.close() for channel in setup.channels))


async def test_a_unary_call_needs_no_connection_and_a_stream_does(alone: Setup) -> None:
    assert (await alone.stub().Say(Echo(text="a"))).text == "a"
    with pytest.raises(errors.Unavailable):
        _ = [each async for each in alone.stub().Watch(Echo(), timeout=5)]


@pytest.mark.parametrize("setup", ["over the network"], indirect=True)
async def test_only_channels_made_meanwhile_know_of_it(setup: Setup) -> None:
    before = setup.stub()
    other = Server(authenticator=Tokens())
    with answered_within(setup.address, other):
        assert (await before.Say(Echo(text="a"))).text == "a"
    await setup.server.stop(0)
    with pytest.raises(errors.Unavailable):
        await setup.stub().Change(Echo(), timeout=5)


async def test_what_the_handler_does_to_the_request_is_not_the_callers_business(alone: Setup) -> None:
    async def spoil(request: Any, context: Any) -> Any:
        request.text = "spoiled"
        return request

    alone.servicer.say = spoil
    mine = Echo(text="mine")
    assert (await alone.stub().Say(mine)).text == "spoiled"
    assert mine.text == "mine"


async def test_a_call_leaves_nothing_with_its_caller(alone: Setup) -> None:
    await alone.stub().Say(Echo())
    assert current_request_id() is None


async def test_a_service_that_is_not_here_is_asked_over_the_connection(unused_tcp_port: int) -> None:
    setup = Setup(Server(authenticator=Tokens()), EchoServicer())
    setup.port = unused_tcp_port
    with answered_within(setup.address, setup.server), pytest.raises(errors.Unavailable):
        await setup.stub().Change(Echo(), timeout=5)
    await setup.channels[0].close()
