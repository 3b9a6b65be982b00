"""A gRPC server with Orris's rules: guarded handlers, health, reflection, limits, and a stop that drains."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from orris.errors import FailedPrecondition
from orris_kit.access import admitted, is_busy
from orris_kit.address import Address
from orris_kit.guard import Authenticator, Guard
from orris_kit.lifecycle import settle, stop_signals
from orris_kit.logging import get_logger
from orris_kit.observing import Observers
from orris_kit.receiving import measured
from orris_kit.scope import Scope

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
DEFAULT_TIMEOUT = 60.0
GRACE = 10.0

log = get_logger(__name__)
Handlers = dict[str, Any]

# A client pings every 30 s (orris_kit.client), also between calls: the server must allow it, or it says too_many_pings.
KEEPALIVE = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)


# What a client sends before anybody takes it is in memory. Left to itself, gRPC lets it be as much as the line seems to
# hold, which to this machine is tens of megabytes for each stream. 2 MiB are 40 MB/s where an answer takes 50 ms.
RECEIVING = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 2 * 1024 * 1024),
)


class Server:
    """One listening address and its services. Without `tls` only this machine reaches it (`allow_insecure`: all)."""

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        *,
        authenticator: Authenticator,
        tls: grpc.ServerCredentials | None = None,
        allow_insecure: bool = False,
        default_timeout: float = DEFAULT_TIMEOUT,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_concurrent_rpcs: int | None = None,
    ) -> None:
        self.listen = Address.parse(listen, field="listen")
        if not (self.listen.stays_here or tls or allow_insecure):
            message = (
                f"listening on {listen} without TLS would show tokens to the network; give a certificate, or allow it"
            )
            raise FailedPrecondition(message, reason="INSECURE_LISTEN")
        self.draining = asyncio.Event()
        self._authenticator = authenticator
        self._tls = tls
        self._default_timeout = default_timeout
        self._max_message_bytes = max_message_bytes
        self._max_concurrent_rpcs = max_concurrent_rpcs
        self._services: dict[str, Handlers] = {}
        self._observers = Observers(self.draining)
        self._server: grpc.aio.Server | None = None

    def add(self, add_to_server: Callable[[Any, Any], None], servicer: Any) -> None:
        """Add a service: `add(add_RunServiceServicer_to_server, RunServicer(...))`, before the start.

        Raises TypeError when one of its handlers does not say whom it admits, or is no coroutine or async generator.
        """
        catcher = _Catcher()
        add_to_server(servicer, catcher)
        for service, handlers in catcher.services.items():
            descriptor = descriptor_pool.Default().FindServiceByName(service)  # type: ignore[no-untyped-call]
            self._services[service] = {name: self._guarded(descriptor, name, each) for name, each in handlers.items()}

    def unary_handler(self, method: str) -> Any:
        """Return the guarded handler of `/{service}/{method}`; None where there is none, or where something streams."""
        _, service, name = method.split("/")
        handler = self._services.get(service, {}).get(name)
        return handler if handler is not None and handler.unary_unary else None

    async def start(self) -> int:
        """Listen; return the port. Raises FailedPrecondition (CANNOT_LISTEN) when the address is taken."""
        server = self._server = grpc.aio.server(
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", self._max_message_bytes),
                ("grpc.max_send_message_length", self._max_message_bytes),
                *KEEPALIVE,
                *RECEIVING,
            ),
            maximum_concurrent_rpcs=self._max_concurrent_rpcs,
        )
        for service, handlers in self._services.items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        await self._observers.start(server, tuple(self._services))
        port = self._bind(server)
        await server.start()
        log.info("listening", address=str(Address(self.listen.host, port if self.listen.port is not None else None)))
        return port

    async def stop(self, grace: float = GRACE) -> None:
        """Say NOT_SERVING, let streams end and calls finish for `grace` seconds, then end what is left."""
        if self._server is None:
            return
        await self._observers.stop()
        self.draining.set()
        await self._server.stop(grace)
        self._server = None

    def _bind(self, server: grpc.aio.Server) -> int:
        try:
            if self._tls is not None:
                return server.add_secure_port(str(self.listen), self._tls)
            return server.add_insecure_port(str(self.listen))
        except RuntimeError as error:
            message = f"cannot listen on {self.listen}: taken, or not an address of this machine"
            raise FailedPrecondition(message, reason="CANNOT_LISTEN") from error

    def _guarded(self, service: ServiceDescriptor, name: str, handler: Any) -> Any:
        function = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        streams_in, streams_out = handler.request_streaming, handler.response_streaming
        method = f"/{service.full_name}/{name}"
        fits = inspect.isasyncgenfunction if streams_out else inspect.iscoroutinefunction
        roles = admitted(function)
        if roles is None:
            raise TypeError(f"{method} does not say whom it admits: decorate its handler with @allow or @allow_anyone")
        if not fits(function):
            raise TypeError(f"{method} must be an {'async generator' if streams_out else 'async'} function")
        scope = Scope(service.methods_by_name[name].input_type)
        timeout = None if streams_in else self._default_timeout
        guard = Guard(method, roles, scope, self._authenticator, self.draining, timeout, busy=is_busy(function))
        wrap = guard.stream if streams_out else guard.unary
        make = _MAKERS[streams_in, streams_out]
        read = handler.request_deserializer if streams_in else measured(handler.request_deserializer)
        return make(wrap(function, streams_in=streams_in), read, handler.response_serializer)


async def serve(server: Server, grace: float = GRACE) -> None:
    """Start, run until SIGTERM or SIGINT, then drain."""
    async with stop_signals() as stopping:
        await server.start()
        settle()
        await stopping.wait()
        log.info("stopping")
        await server.stop(grace)


_MAKERS: dict[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class _Catcher:
    """Stands in for a server to learn the handlers that generated code would register."""

    def __init__(self) -> None:
        self.services: dict[str, Handlers] = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Leave out: the same come by the next method, with their names."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        self.services[service] = handlers
