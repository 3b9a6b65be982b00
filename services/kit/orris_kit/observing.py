"""Health and reflection: open to everybody, in no access log, and no obstacle to a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from grpc_reflection.v1alpha._async import ReflectionServicer

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
SERVING = health_pb2.HealthCheckResponse.SERVING
LAST_WORD_SECONDS = 0.05


class Observers:
    """The health and reflection services of one server."""

    def __init__(self, draining: asyncio.Event) -> None:
        self._health = _Health(draining)
        self._draining = draining

    async def start(self, server: grpc.aio.Server, services: tuple[str, ...]) -> None:
        """Add both to `server`; every service and the server as a whole ("") are SERVING."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (*services, HEALTH, reflection.SERVICE_NAME)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(  # type: ignore[no-untyped-call]
            _Reflection(names, self._draining), server
        )
        for name in ("", *services):
            await self._health.set(name, SERVING)

    async def stop(self) -> None:
        """Say NOT_SERVING, from now on."""
        await self._health.enter_graceful_shutdown()


class _Health(health_aio.HealthServicer):
    """Health whose watches end with the server, after NOT_SERVING was said."""

    def __init__(self, draining: asyncio.Event) -> None:
        super().__init__()
        self._stop = draining

    async def Watch(self, request: Any, context: Any) -> None:
        watching = asyncio.ensure_future(super().Watch(request, context))
        try:
            await _first(watching, self._stop)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(watching), LAST_WORD_SECONDS)
        finally:
            watching.cancel()


class _Reflection:
    """Reflection whose streams end with the server."""

    def __init__(self, names: tuple[str, ...], draining: asyncio.Event) -> None:
        self._reflection: Any = ReflectionServicer(names)
        self._stop = draining

    async def ServerReflectionInfo(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        answers = self._reflection.ServerReflectionInfo(requests, context)
        following = asyncio.ensure_future(anext(answers))
        try:
            while await _first(following, self._stop):
                yield following.result()
                following = asyncio.ensure_future(anext(answers))
        except StopAsyncIteration:
            return
        finally:
            following.cancel()


async def _first(future: asyncio.Future[Any], stop: asyncio.Event) -> bool:
    """Wait until the future is done or the event is set; tell whether it is done."""
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((future, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    return future.done()
