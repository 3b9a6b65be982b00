"""What a channel adds to every call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orris import errors
from orris_kit.context import Call, enter_call, remaining_seconds
from orris_kit.server import Server
from tests.fakes import echo
from tests.fakes.echo import Echo
from tests.fakes.echo_server import EchoServicer, Setup, Tokens


async def test_an_inner_call_has_no_more_time_than_the_outer_one(setup: Setup) -> None:
    seen: list[float] = []

    async def inner(request: Any, context: Any) -> Any:
        seen.append(remaining_seconds() or 0)
        return request

    async def outer(request: Any, context: Any) -> Any:
        setup.servicer.say = inner
        return await onward.Say(request)

    onward = setup.stub(timeout=30)
    setup.servicer.say = outer
    await setup.stub().Say(Echo(), timeout=2)
    assert 1 < seen[0] < 2.5  # gRPC rounds a deadline up on its way


async def test_with_no_time_left_the_call_is_not_made(setup: Setup) -> None:
    async def call() -> None:
        enter_call(Call("/outer", "r", deadline=0))
        await setup.stub().Say(Echo())

    with pytest.raises(errors.DeadlineExceeded, match="no time left"):
        await asyncio.create_task(call())


async def test_the_request_id_goes_on_to_the_next_service(setup: Setup) -> None:
    async def inner(request: Any, context: Any) -> Any:
        return Echo(text=dict(context.invocation_metadata())["x-request-id"])

    async def outer(request: Any, context: Any) -> Any:
        setup.servicer.say = inner
        return await setup.stub().Say(request)

    setup.servicer.say = outer
    answer = await setup.stub().Say(Echo(), metadata=(("x-request-id", "r-3"),))
    assert answer.text == "r-3"


async def test_a_call_without_a_timeout_ends_after_the_channels(setup: Setup) -> None:
    async def forever(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    setup.servicer.say = forever
    with pytest.raises(errors.DeadlineExceeded):
        await setup.stub(timeout=0.05).Say(Echo())


async def test_a_repeatable_call_survives_a_failure_and_another_does_not(setup: Setup) -> None:
    calls = 0

    async def fail_once(request: Any, context: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise errors.Unavailable("starting")
        return request

    setup.servicer.say = fail_once
    stub = setup.stub(services=[echo.DESCRIPTOR])
    assert (await stub.Say(Echo(text="a"))).text == "a"
    assert calls == 2
    with pytest.raises(errors.Unavailable, match="starting"):
        await stub.Change(Echo())
    assert calls == 3


async def test_a_restarted_server_is_found_again_soon(setup: Setup) -> None:
    stub = setup.stub(services=[echo.DESCRIPTOR])
    await stub.Say(Echo())
    await setup.server.stop(0)
    again = Server(f"127.0.0.1:{setup.port}", authenticator=Tokens())
    again.add(echo.add_to_server, EchoServicer())
    await again.start()
    try:
        assert (await stub.Say(Echo(text="b"), timeout=5)).text == "b"
    finally:
        await again.stop(0)


async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    setup = Setup(Server(authenticator=Tokens()), EchoServicer())
    setup.port = unused_tcp_port
    with pytest.raises(errors.Unavailable):
        await setup.stub().Say(Echo(), timeout=5)
    await setup.channels[0].close()


async def test_a_proxy_of_the_environment_is_not_used(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert (await setup.stub().Say(Echo(text="a"))).text == "a"


async def test_a_cancelled_caller_cancels_the_call(setup: Setup) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def forever(request: Any, context: Any) -> Any:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def call() -> None:
        await setup.stub().Say(Echo(), timeout=5)

    setup.servicer.say = forever
    task = asyncio.create_task(call())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)


def test_a_token_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    from orris_kit.client import token_from
    from orris_kit.files import replace

    read = token_from(tmp_path / "token")
    assert read() is None
    replace(tmp_path / "token", b"first\n")
    assert read() == "first"
    replace(tmp_path / "token", b"second\n")
    assert read() == "second"
