"""What is added to every call that goes out, of all four kinds, and how its failure is raised.

grpc.aio sorts an interceptor into one kind only, so there are four small classes around one rule.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any

import grpc

from orris.errors import DeadlineExceeded, from_rpc_error
from orris_kit.context import current_request_id, new_request_id, remaining_seconds
from orris_kit.tracing import TRACEPARENT, current

TokenSource = Callable[[], str | None]

# An inner call ends this much before the outer one, so that the caller still learns which hop was late.
SHAVE_SECONDS = 0.05


class Outgoing:
    """The rule: token, request id, trace and deadline."""

    def __init__(self, token: TokenSource | None, timeout: float) -> None:
        self._token = token
        self._timeout = timeout

    def prepare(self, details: Any, *, default: bool) -> Any:
        """Return the call's details completed. `default`: whether a call without a timeout gets one."""
        metadata: Any = grpc.aio.Metadata(*(details.metadata or ()))
        if "x-request-id" not in metadata:
            metadata.add("x-request-id", current_request_id() or new_request_id())
        if (trace := current()) and TRACEPARENT not in metadata:
            metadata.add(TRACEPARENT, trace)
        if self._token and "authorization" not in metadata and (token := self._token()):
            metadata.add("authorization", f"Bearer {token}")
        timeout = self._timeout_of(details.timeout, default)
        return details._replace(metadata=metadata, timeout=timeout)

    def _timeout_of(self, given: float | None, default: bool) -> float | None:
        wanted = self._timeout if given is None and default else given
        remaining = remaining_seconds()
        if remaining is None:
            return wanted
        left = remaining - SHAVE_SECONDS
        if left <= 0:
            raise DeadlineExceeded("no time left for a call to another service")
        return left if wanted is None else min(wanted, left)


def interceptors(rule: Outgoing) -> list[grpc.aio.ClientInterceptor]:
    """Return the interceptors of a channel."""
    return [_UnaryUnary(rule), _UnaryStream(rule), _StreamUnary(rule), _StreamStream(rule)]


class _Kind:
    def __init__(self, rule: Outgoing) -> None:
        self._rule = rule

    async def _unary(self, continuation: Any, details: Any, request: Any, *, default: bool) -> Any:
        call = await continuation(self._rule.prepare(details, default=default), request)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        return call

    async def _stream(self, continuation: Any, details: Any, request: Any) -> AsyncIterator[Any]:
        call = await continuation(self._rule.prepare(details, default=False), request)
        return _translated(call)


class _UnaryUnary(_Kind, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._unary(continuation, client_call_details, request, default=True)


class _StreamUnary(_Kind, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._unary(continuation, client_call_details, request_iterator, default=False)


class _UnaryStream(_Kind, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await self._stream(continuation, client_call_details, request)


class _StreamStream(_Kind, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await self._stream(continuation, client_call_details, request_iterator)


async def _translated(responses: AsyncIterable[Any]) -> AsyncIterator[Any]:
    try:
        async for response in responses:
            yield response
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
