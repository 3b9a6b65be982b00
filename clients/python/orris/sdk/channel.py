"""The gRPC channels of this process: one for each address and token, with all options in one place."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import grpc

from orris.errors import InvalidArgument
from orris.sdk.instance import is_loopback
from orris.sdk.interceptor import CallInterceptor
from orris.sdk.retry import service_config

# Blobs travel in messages of 1 MiB, batches of 3 MiB: gRPC's own limit of 4 MiB would do, 8 leaves room.
MESSAGE_BYTES = 8 * 1024 * 1024

_channels: dict[tuple[int, str, str | None], grpc.Channel] = {}
_lock = threading.Lock()


def _after_fork_in_child() -> None:
    # Held by another thread at the moment of the fork, it would never be released here. The parent's channels stay in
    # the table (closing them here would hang), under the parent's pid.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)


def shared_channel(address: str, token: str | None) -> grpc.Channel:
    """Return this process's channel to `address` with `token`; it is made on first use and never closed.

    Raises InvalidArgument when the address cannot be read.
    """
    key = (os.getpid(), address, token)
    with _lock:
        if key not in _channels:
            _channels[key] = open_channel(address, token)
        return _channels[key]


def open_channel(address: str, token: str | None) -> grpc.Channel:
    """Return a channel of the caller's own. Raises InvalidArgument when the address cannot be read."""
    secure, target = _target(address)
    options = channel_options(target)
    if secure:
        credentials = grpc.ssl_channel_credentials(root_certificates=_root_certificates())
        channel = grpc.secure_channel(target, credentials, options=options)
    else:
        channel = grpc.insecure_channel(target, options=options)
    return grpc.intercept_channel(channel, CallInterceptor(address, token))


def channel_options(target: str) -> list[tuple[str, Any]]:
    """Return the channel's options: sizes, keepalive, reconnection, retries, and no proxy for this machine."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        # A connection that died without a word is noticed after 30 + 10 s. The servers admit a ping every 10 s.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # A service that restarts is back within a second or two: look often at first, every 5 s later.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.service_config", json.dumps(service_config())),
        ("grpc.primary_user_agent", "orris-python"),
    ]
    if stays_here(target):
        options.append(("grpc.enable_http_proxy", 0))
    return options


def stays_here(target: str) -> bool:
    """Tell whether `host:port`, `unix:/path` or all of `ipv4:host:port,host:port` is on this machine."""
    several = target.removeprefix("ipv4:").removeprefix("ipv6:").split(",")
    return target.startswith("unix:") or all(is_loopback(each.rpartition(":")[0].strip("[]")) for each in several)


def _target(address: str) -> tuple[bool, str]:
    secure = address.startswith("https://")
    target = address.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, colon, port = target.rpartition(":")
    if target.startswith("unix:/") or (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        return secure, target
    message = f"address: {address!r} is not of the form host:port, https://host:port or unix:/path"
    raise InvalidArgument(message, field="address")


def _root_certificates() -> bytes | None:
    """Return the certificates in the file ORRIS_CA_FILE; None means gRPC's own."""
    file = os.environ.get("ORRIS_CA_FILE")
    return Path(file).read_bytes() if file else None
