"""The HTTP connections to one replica."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

from orris.errors import DeadlineExceeded, FailedPrecondition, Unavailable

CONNECT_SECONDS = 5.0
DRAIN_SECONDS = 30.0
MAX_CONNECTIONS = 64
ANSWER_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """What a replica answered."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Connection:
    """Connections to a replica that answers at an address to who knows its secret."""

    def __init__(self, address: str, secret: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"http://{address}",
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            trust_env=False,  # a proxy has no business between a service and its replica
        )
        self._http.headers.clear()  # what is not said here is the caller's to say
        self._authorization = {"Authorization": f"Bearer {secret}"}
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """Count a call in progress, for which `close` waits."""
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    async def exchange(
        self, verb: str, target: str, body: bytes | None, headers: Mapping[str, str], *, seconds: float, again: bool
    ) -> Response:
        """Send a request, with `again` once more where an idle connection turns out to be closed.

        Raises DeadlineExceeded after `seconds`, Unavailable when it does not answer, FailedPrecondition for too large
        an answer.
        """
        try:
            try:
                return await self._once(verb, target, body, headers, seconds)
            except httpx.RemoteProtocolError:
                if not again:
                    raise
                return await self._once(verb, target, body, headers, seconds)
        except httpx.TimeoutException as error:
            raise DeadlineExceeded(f"the replica did not answer within {seconds:g} s") from error
        except httpx.TransportError as error:
            message = "the replica does not answer; it is being brought up again"
            raise Unavailable(message, reason="REPLICA_GONE", retry_after=1) from error

    async def close(self) -> None:
        """Let calls in progress end, and close the connections."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
        await self._http.aclose()

    async def _once(
        self, verb: str, target: str, body: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> Response:
        patience = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        given = {**headers, **self._authorization}
        async with self._http.stream(verb, target, content=body, headers=given, timeout=patience) as response:
            content = bytearray()
            async for part in response.aiter_raw():
                content += part
                if len(content) > ANSWER_LIMIT:
                    raise FailedPrecondition(f"the answer is larger than {ANSWER_LIMIT} bytes; ask for less at a time")
            return Response(response.status_code, response.headers.multi_items(), bytes(content))
