"""Starting, listening, observing and stopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from orris import errors
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.draining import until_draining
from orris_kit.server import Server
from tests.fakes import echo
from tests.fakes.echo import Echo
from tests.fakes.echo_server import EchoServicer, Setup, Tokens

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

# A stop that waits for a stream takes all its grace: the guard ends the test long before.
GRACE, GUARD = 600, 60


# The stubs of the two have no types for grpc.aio.
health_stub: Any = health_pb2_grpc.HealthStub
reflection_stub: Any = reflection_pb2_grpc.ServerReflectionStub


def server(listen: str = "127.0.0.1:0", **options: Any) -> Server:
    return Server(listen, authenticator=Tokens(), **options)


async def test_a_taken_port_is_refused_not_shared(setup: Setup) -> None:
    with pytest.raises(errors.FailedPrecondition) as caught:
        await server(f"127.0.0.1:{setup.port}").start()
    assert caught.value.reason == "CANNOT_LISTEN"


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example:0"])
def test_listening_beyond_this_machine_needs_tls_or_permission(listen: str) -> None:
    with pytest.raises(errors.FailedPrecondition) as caught:
        server(listen)
    assert caught.value.reason == "INSECURE_LISTEN"
    server(listen, allow_insecure=True)
    server(listen, tls=grpc.ssl_server_credentials([(b"", b"")]))


def test_a_handler_that_does_not_say_whom_it_admits_is_refused() -> None:
    class Forgetful(EchoServicer):
        async def Say(self, request: Any, context: Any) -> Any:
            return request

    with pytest.raises(TypeError, match="EchoService/Say does not say whom it admits"):
        server().add(echo.add_to_server, Forgetful())


def test_a_handler_that_would_block_the_loop_is_refused() -> None:
    class Blocking(EchoServicer):
        @allow(Role.USER)
        def Say(self, request: Any, context: Any) -> Any:  # the mistake
            return request

    with pytest.raises(TypeError, match="must be an async function"):
        server().add(echo.add_to_server, Blocking())


async def test_health_is_open_and_knows_every_service(setup: Setup) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{setup.port}") as channel:
        health = health_stub(channel)
        for name in ("", echo.SERVICE):
            assert (await health.Check(health_pb2.HealthCheckRequest(service=name))).status == SERVING


async def test_reflection_lists_every_service(setup: Setup) -> None:
    async def ask() -> AsyncIterator[Any]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async with grpc.aio.insecure_channel(f"127.0.0.1:{setup.port}") as channel:
        stub = reflection_stub(channel)
        answers = [each async for each in stub.ServerReflectionInfo(ask())]
    names = {each.name for each in answers[0].list_services_response.service}
    assert names == {echo.SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_a_health_watch_is_told_of_the_stop_and_does_not_delay_it(setup: Setup) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{setup.port}") as channel:
        watch = health_stub(channel).Watch(health_pb2.HealthCheckRequest())
        states = aiter(watch)
        assert (await anext(states)).status == SERVING
        async with asyncio.timeout(GUARD):
            stopping = asyncio.create_task(setup.server.stop(GRACE))
            assert (await anext(states)).status == NOT_SERVING
            await stopping


async def test_an_open_reflection_stream_does_not_delay_the_stop(setup: Setup) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{setup.port}") as channel:
        stub = reflection_stub(channel)
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        await call.read()
        async with asyncio.timeout(GUARD):
            await setup.server.stop(GRACE)


async def test_a_stream_that_watches_the_draining_ends_with_the_server(setup: Setup) -> None:
    closed = asyncio.Event()

    async def forever(request: Any) -> AsyncIterator[Any]:
        try:
            yield request
            await asyncio.Event().wait()
        finally:
            closed.set()

    setup.servicer.watch = lambda request: until_draining(forever(request))
    responses = aiter(setup.stub().Watch(Echo()))
    await anext(responses)
    async with asyncio.timeout(GUARD):
        stopping = asyncio.create_task(setup.server.stop(GRACE))
        with pytest.raises(errors.Unavailable) as caught:
            await anext(responses)
        await stopping
    assert caught.value.reason == "SERVER_DRAINING"
    assert closed.is_set()


async def test_a_stream_under_until_draining_comes_whole_and_in_order(setup: Setup) -> None:
    async def count(request: Any) -> AsyncIterator[Any]:
        for number in range(50):
            yield Echo(text=str(number))

    setup.servicer.watch = lambda request: until_draining(count(request))
    assert [int(each.text) async for each in setup.stub().Watch(Echo())] == list(range(50))


async def test_a_call_in_progress_is_finished_before_the_server_stops(setup: Setup) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, context: Any) -> Any:
        began.set()
        await go_on.wait()
        return request

    setup.servicer.say = slow
    call = setup.stub().Say(Echo(text="a"), timeout=GUARD)
    answer = asyncio.ensure_future(_answer(call))
    await began.wait()
    stopping = asyncio.create_task(setup.server.stop(GRACE))
    await setup.server.draining.wait()
    go_on.set()
    assert (await answer).text == "a"
    await stopping


async def _answer(call: Any) -> Any:
    return await call
