"""A server of the echo contract, and channels to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from orris.errors import Unauthenticated
from orris_kit.access import allow, allow_anyone
from orris_kit.auth import Principal, Role
from orris_kit.client import connect
from orris_kit.server import Server
from tests.fakes import echo

PRINCIPALS = {
    "user": Principal("ada", Role.USER, "lab"),
    "everywhere": Principal("root", Role.USER),
    "reader": Principal("bob", Role.READER, "lab"),
}


class Tokens:
    """Knows its tokens by heart."""

    def authenticate(self, token: str) -> Principal:
        if token not in PRINCIPALS:
            raise Unauthenticated("unknown token", reason="TOKEN_INVALID")
        return PRINCIPALS[token]


class EchoServicer:
    """Answers with what a test tells it to do: `say` and `watch` are replaced by tests."""

    def __init__(self) -> None:
        self.say: Callable[[Any, Any], Awaitable[Any]] = self._same
        self.watch: Callable[[Any], AsyncIterator[Any]] = self._twice

    @allow(Role.USER)
    async def Say(self, request: Any, context: Any) -> Any:
        return await self.say(request, context)

    @allow_anyone
    async def Change(self, request: Any, context: Any) -> Any:
        return await self.say(request, context)

    @allow(Role.USER)
    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for each in self.watch(request):
            yield each

    @allow(Role.USER)
    async def Upload(self, requests: AsyncIterator[Any], context: Any) -> Any:
        return echo.Echo(text="".join([each.text async for each in requests]))

    @allow(Role.USER)
    async def Talk(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for each in requests:
            yield each

    async def _same(self, request: Any, context: Any) -> Any:
        return request

    async def _twice(self, request: Any) -> AsyncIterator[Any]:
        yield request
        yield request


class Setup:
    """A running server with its servicer; `stub(token)` connects to it."""

    def __init__(self, server: Server, servicer: EchoServicer) -> None:
        self.server = server
        self.servicer = servicer
        self.port = 0
        self.channels: list[Any] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def channel(self, token: str | None = "user", **options: Any) -> Any:
        channel = connect(self.address, (lambda: token) if token else None, **options)
        self.channels.append(channel)
        return channel

    def stub(self, token: str | None = "user", **options: Any) -> echo.EchoStub:
        return echo.EchoStub(self.channel(token, **options))
