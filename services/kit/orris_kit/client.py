"""Channels to other services: token, request id, deadline, retries and errors, the same for every call.

    contract = artifacts_service_pb2.DESCRIPTOR.services_by_name["ArtifactService"]
    channel = connect("127.0.0.1:7001", token_from(path), services=[contract])
    artifacts = ArtifactServiceStub(channel)

One channel per service and process, long-lived and shared. A failed call raises the class of `orris.errors` that the
server raised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from orris_kit.outgoing import Outgoing, TokenSource, interceptors
from orris_kit.within import WithinChannel, server_at

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
DEFAULT_TIMEOUT = 30.0

# Four attempts with up to 0.2, 0.8 and 3 s between them bridge the restart of a service.
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "3s",
    "backoffMultiplier": 4,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Fits what orris_kit.server allows.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The default waits up to 120 s before it tries a restarted service again.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3_000),
)


def connect(
    address: str,
    token: TokenSource | None = None,
    *,
    services: Iterable[ServiceDescriptor] = (),
    tls: grpc.ChannelCredentials | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> grpc.aio.Channel:
    """Return a channel to `address`; calls to `services` are retried where their contract allows it.

    `timeout` (seconds) is for unary calls that set none; inside an RPC it is at most what is left of its caller's.
    """
    contracts = tuple(services)
    options = (*OPTIONS, ("grpc.service_config", retry_config(*contracts)))
    rule = Outgoing(token, timeout)
    around = interceptors(rule)
    if tls is not None:
        return grpc.aio.secure_channel(address, tls, options=options, interceptors=around)
    channel = grpc.aio.insecure_channel(address, options=options, interceptors=around)
    if (server := server_at(address)) is None:
        return channel
    repeatable = {f"/{service}/{method}" for service, method in _repeatable(contracts)}
    return cast(grpc.aio.Channel, WithinChannel(server, channel, rule, repeatable))


def retry_config(*services: ServiceDescriptor) -> str:
    """Return the gRPC service config that retries the methods whose `idempotency_level` allows it."""
    names = [{"service": service, "method": method} for service, method in _repeatable(services)]
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": RETRY_POLICY}] if names else []})


def token_from(path: Path) -> Callable[[], str | None]:
    """Return a source that reads the token from a file, again whenever that has changed; None while it is absent."""
    seen: tuple[object, str | None] = (None, None)

    def read() -> str | None:
        nonlocal seen
        try:
            state = path.stat()
        except FileNotFoundError:
            return None
        version = (state.st_mtime_ns, state.st_ino)
        if seen[0] != version:
            seen = (version, path.read_text().strip())
        return seen[1]

    return read


def _repeatable(services: Iterable[ServiceDescriptor]) -> Iterator[tuple[str, str]]:
    for service in services:
        yield from ((service.full_name, method.name) for method in service.methods if _may_repeat(method))


def _may_repeat(method: MethodDescriptor) -> bool:
    return method.GetOptions().idempotency_level != descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN
