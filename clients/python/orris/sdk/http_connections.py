"""Connections over HTTP that are kept open: each is used by one thread at a time, as many are made as are at work."""

from __future__ import annotations

import base64
import functools
import os
import select
import socket
import ssl
import sys
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from orris.sdk.instance import is_loopback

# Somebody who is there answers a connection within milliseconds; 5 s bridge a lost packet or two.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
# What may have come before somebody looks. The less often a thread is woken, the less a download costs.
RECEIVED_BYTES = 4 * 1024 * 1024


class Origin(NamedTuple):
    """Whom a URL asks. Raises ValueError when it is no http or https URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> Origin:
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"{url.scheme}://{url.netloc} cannot be asked over HTTP")
        return cls(url.scheme, url.hostname, url.port or (443 if url.scheme == "https" else 80))


class Way(NamedTuple):
    """How somebody is asked over HTTP: directly, or through the proxy that the environment names."""

    origin: Origin
    proxy: SplitResult | None

    @classmethod
    def to(cls, origin: Origin) -> Way:
        """Find the way as urllib finds it; never through a proxy to this machine."""
        address = getproxies().get(origin.scheme)
        if not address or is_loopback(origin.host) or proxy_bypass(f"{origin.host}:{origin.port}"):
            return cls(origin, None)
        return cls(origin, urlsplit(address if "://" in address else f"http://{address}"))

    def connect(self) -> HTTPConnection:
        """Return a new connection. Raises OSError."""
        origin, proxy = self
        host, port = (proxy.hostname or "", proxy.port) if proxy else (origin.host, origin.port)
        connection: HTTPConnection
        if origin.scheme == "https":
            connection = HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=_tls())
            if proxy:
                connection.set_tunnel(origin.host, origin.port, _credentials(proxy))
        else:
            connection = HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        _widen(connection.sock)
        return connection

    def target(self, url: str) -> str:
        """Return what is asked for: a path, the whole URL where a proxy passes the request on."""
        if self.origin.scheme == "http" and self.proxy:
            return url
        parts = urlsplit(url)
        return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers that the way needs."""
        proxy = self.proxy if self.origin.scheme == "http" else None
        return {"Host": urlsplit(url).netloc, **(_credentials(proxy) if proxy else {})}


class Connections:
    """The connections of one piece of work, by whom they lead to."""

    def __init__(self) -> None:
        self._ways: dict[Origin, Way] = {}
        self._idle: dict[Origin, list[HTTPConnection]] = {}
        self._lock = threading.Lock()

    def way_to(self, origin: Origin) -> Way:
        """Return how to ask somebody. Finding that out takes a millisecond, so it is done once."""
        with self._lock:
            if origin not in self._ways:
                self._ways[origin] = Way.to(origin)
            return self._ways[origin]

    def idle(self, origin: Origin) -> HTTPConnection | None:
        """Take a connection that was used before, if there is one. The other side may have closed it meanwhile."""
        with self._lock:
            waiting = self._idle.get(origin)
            return waiting.pop() if waiting else None

    def keep(self, origin: Origin, connection: HTTPConnection) -> None:
        """Let a connection be used again."""
        with self._lock:
            self._idle.setdefault(origin, []).append(connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            for waiting in self._idle.values():
                for connection in waiting:
                    connection.close()
            self._idle.clear()


def has_bytes(descriptor: int) -> bool:
    """Tell whether more of an answer comes, or its end, in the time that an answer has."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(ANSWER_SECONDS * 1000))


def _widen(connection: socket.socket) -> None:
    """Begin with a wide receive buffer where the system can: see tcp(7), and tcp_set_rcvlowat in Linux.

    SO_RCVBUF would do less: what it sets is small on most machines, and does not grow any more. A mark for waking up
    widens the buffer to hold twice as much, and is taken back: the last bytes of an answer are fewer.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            for mark in (RECEIVED_BYTES, 1):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, mark)


def _credentials(proxy: SplitResult) -> dict[str, str]:
    """Return what a proxy with a user and a password wants to be told (RFC 7617)."""
    if proxy.username is None:
        return {}
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


@functools.cache
def _tls() -> ssl.SSLContext:
    """Return who is trusted: the authorities of this machine, and those in the file ORRIS_CA_FILE."""
    context = ssl.create_default_context()
    if file := os.environ.get("ORRIS_CA_FILE"):
        context.load_verify_locations(file)
    return context
