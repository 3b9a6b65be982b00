"""What happens around every RPC, in one place: request id, trace, access log, counts, errors, deadline, who may call.

A handler is wrapped once, when its service is added to the server; a call then costs no look-ups.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn, Protocol

import grpc
from grpc_status import rpc_status

from orris.errors import DeadlineExceeded, Internal, OrrisError, PermissionDenied, Unauthenticated, to_status
from orris_kit import tracing
from orris_kit.access import ANYONE
from orris_kit.auth import Principal, Role
from orris_kit.context import Call, enter_call, new_request_id
from orris_kit.logging import get_logger
from orris_kit.metrics import CALLS
from orris_kit.receiving import received_bytes
from orris_kit.scope import Scope

REQUEST_ID = "x-request-id"

log = get_logger("orris.access")
Context = grpc.aio.ServicerContext[Any, Any]
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class Authenticator(Protocol):
    """Tells who holds a token."""

    def authenticate(self, token: str) -> Principal:
        """Return the token's holder. Raises Unauthenticated."""
        ...


class Guard:
    """The rules around one RPC method."""

    def __init__(
        self,
        method: str,
        roles: frozenset[Role],
        scope: Scope,
        authenticator: Authenticator,
        draining: asyncio.Event,
        timeout: float | None = None,
        *,
        busy: bool = False,
    ) -> None:
        self._method = method
        self._roles = roles
        self._scope = scope
        self._authenticator = authenticator
        self._draining = draining
        self._timeout = None if busy else timeout
        self._busy = busy

    def unary(self, handler: Callable[..., Any], *, streams_in: bool) -> Callable[..., Any]:
        """Wrap a coroutine function."""

        async def guarded(request: Any, context: Context) -> Any:
            begin = time.monotonic()
            call = self._enter(context, begin)
            try:
                request = self._admit(call, request, context, streams_in)
                response = await self._in_time(handler(request, context), call, begin)
            except BaseException as error:
                await self._fail(error, call, context, begin)
            self._report(call, "OK", begin)
            return response

        return guarded

    def stream(self, handler: Callable[..., Any], *, streams_in: bool) -> Callable[..., Any]:
        """Wrap an async generator function."""

        async def guarded(request: Any, context: Context) -> AsyncIterator[Any]:
            begin = time.monotonic()
            call = self._enter(context, begin)
            try:
                request = self._admit(call, request, context, streams_in)
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            except BaseException as error:
                await self._fail(error, call, context, begin)
            self._report(call, "OK", begin)

        return guarded

    def _enter(self, context: Context, begin: float) -> Call:
        remaining = context.time_remaining()
        metadata = _metadata(context)
        call = Call(
            self._method,
            # Of a busy handler only failures are told, and `_fail` gives those their id.
            "" if self._busy else _request_id(metadata),
            None if remaining is None else begin + remaining,
            draining=self._draining,
            metadata=metadata,
        )
        enter_call(call)
        CALLS.begun(self._method)
        if not self._busy or tracing.is_reported():
            call.span = tracing.enter(self._method, tracing.checked(metadata.get(tracing.TRACEPARENT, "")))
        if not self._busy:
            # Now, not at the end: the call may be gone by then, and gRPC follows its pointer unchecked.
            call.peer = context.peer()
            context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
        return call

    def _admit(self, call: Call, request: Any, context: Context, streams_in: bool) -> Any:
        """Refuse who may not call; return the request, each message of a stream checked as it comes."""
        if self._roles is ANYONE:
            return request
        call.principal = principal = self._authenticator.authenticate(_bearer(call.metadata))
        if principal.role not in self._roles:
            raise PermissionDenied(f"a token of the role {principal.role} may not do this", reason="ROLE_NOT_ADMITTED")
        if streams_in:
            return self._scope.checked(request, principal)
        self._scope.check(request, principal)
        return request

    async def _in_time(self, answer: Any, call: Call, begin: float) -> Any:
        """Await the answer. A caller that set a deadline is obeyed by gRPC itself; for others there is a default."""
        if call.deadline is not None or self._timeout is None:
            return await answer
        call.deadline = begin + self._timeout
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await answer
        except TimeoutError as error:
            if limit.expired():
                raise DeadlineExceeded(f"not done after {self._timeout:g} s, the default of this server") from error
            raise

    async def _fail(self, error: BaseException, call: Call, context: Context, begin: float) -> NoReturn:
        """End the call with the error's status. This is the only place that aborts."""
        call.request_id = call.request_id or _request_id(call.metadata)
        if not isinstance(error, Exception):
            self._report(call, "CANCELLED", begin)
            raise error
        if isinstance(error, grpc.aio.AbortError):
            self._report(call, "ABORTED_BY_HANDLER", begin)
            raise error
        if not isinstance(error, OrrisError):
            log.exception("handler failed", method=call.method)  # noqa: LOG004  # called while it is handled
            error = Internal(f"internal error (request id {call.request_id})")
        self._report(call, error.code, begin, error.reason)
        status = rpc_status.to_status(to_status(error))
        trailing = (*status.trailing_metadata, (REQUEST_ID, call.request_id))
        await context.abort(status.code, status.details, trailing)

    def _report(self, call: Call, code: str, begin: float, reason: str | None = None) -> None:
        """Count the call, end its span, write its line in the access log. Each call has one."""
        seconds = time.monotonic() - begin
        CALLS.ended(self._method, code, seconds)
        if call.span is not None:
            call.span.end("" if code == "OK" else code)
        if self._busy and code == "OK":
            return
        fields: dict[str, object] = {"method": self._method, "code": code, "ms": seconds * 1000}
        if reason:
            fields["reason"] = reason
        if call.principal:
            fields["principal"] = call.principal.subject
        if call.peer:
            fields["peer"] = call.peer
        if (size := received_bytes()) is not None:
            fields["bytes"] = size
        if trace := tracing.current():
            fields["trace"] = tracing.trace_id(trace)
        log.info("call", **fields, request_id=call.request_id)


def _metadata(context: Context) -> Mapping[str, str]:
    """Return what the caller has sent beside the request, as text; of what has one name, the first."""
    found: dict[str, str] = {}
    for name, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found


def _request_id(metadata: Mapping[str, str]) -> str:
    given = metadata.get(REQUEST_ID, "")
    return given if _REQUEST_ID.fullmatch(given) else new_request_id()


def _bearer(metadata: Mapping[str, str]) -> str:
    scheme, _, token = metadata.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = "no token: set ORRIS_TOKEN, or send the metadata `authorization: Bearer <token>`"
        raise Unauthenticated(message, reason="TOKEN_MISSING")
    return token.strip()
