"""Calls between services of one process: unary ones go straight to their handlers, all others over the connection.

Nobody can tell but by the time: messages are copied, the guard of the method does all that it does for a call from
outside, and an error comes as it would. What is unavailable is asked again over the connection, which has the patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import grpc

from orris.errors import DeadlineExceeded, Unavailable, from_rpc_error
from orris_kit.outgoing import Outgoing

if TYPE_CHECKING:
    from orris_kit.server import Server

_servers: dict[str, Server] = {}


@contextmanager
def answered_within(address: str, server: Server) -> Iterator[None]:
    """Let channels that are made meanwhile call the services of `server`, which is that at `address`, directly."""
    _servers[address] = server
    try:
        yield
    finally:
        del _servers[address]


def server_at(address: str) -> Server | None:
    """Return the server of this process that is called directly at `address`, if there is one."""
    return _servers.get(address)


class WithinChannel:
    """A channel to a server of this process. `far` is that over the network; `repeatable`: methods it may ask again."""

    def __init__(self, server: Server, far: grpc.aio.Channel, rule: Outgoing, repeatable: Collection[str]) -> None:
        self._server = server
        self._far = far
        self._rule = rule
        self._repeatable = repeatable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._far, name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._far.close()

    def unary_unary(
        self, method: str, request_serializer: Any, response_deserializer: Any, _registered_method: bool | None = False
    ) -> Callable[..., Any]:
        """Return what calls a method, as that of `grpc.aio.Channel` does."""
        far_channel: Any = self._far  # what is known of its types lacks the last argument
        far = far_channel.unary_unary(method, request_serializer, response_deserializer, _registered_method)

        async def answer(handler: Any, request: Any, details: _Details) -> Any:
            try:
                complete = self._rule.prepare(details, default=True)
                return response_deserializer(await _answer(handler, request_serializer(request), complete))
            except Unavailable:
                if method not in self._repeatable:
                    raise
            return await far(request, timeout=details.timeout, metadata=details.metadata)

        def call(request: Any, *, timeout: float | None = None, metadata: Any = None) -> Any:
            handler = self._server.unary_handler(method)
            if handler is None:
                return far(request, timeout=timeout, metadata=metadata)
            # A task, as what the guard notes of this call must not be taken for its caller's.
            return asyncio.create_task(answer(handler, request, _Details(metadata, timeout)))

        return call


class _Details(NamedTuple):
    """What `Outgoing` completes."""

    metadata: Any
    timeout: float | None


class _Context:
    """What a handler has instead of a connection."""

    def __init__(self, details: _Details) -> None:
        self._details = details

    def time_remaining(self) -> float | None:
        return self._details.timeout

    def invocation_metadata(self) -> Any:
        return tuple(self._details.metadata)

    def peer(self) -> str:
        return "within"

    def set_trailing_metadata(self, metadata: Any) -> None:
        """Leave out: nobody sees it."""

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing_metadata), details)


async def _answer(handler: Any, request: bytes, details: _Details) -> bytes:
    try:
        async with asyncio.timeout(details.timeout) as limit:
            response = await handler.unary_unary(handler.request_deserializer(request), _Context(details))
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"not done after {details.timeout:g} s") from error
    answer: bytes = handler.response_serializer(response)
    return answer
