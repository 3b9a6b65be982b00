"""Connections to a registry: TLS by the machine's certificates, and through its proxy where it has one.

`http_proxy`, `https_proxy` and `no_proxy`, small or capital, mean what they mean to an engine, which pulls from
the same registry (https://pkg.go.dev/golang.org/x/net/http/httpproxy): this machine's own addresses need none.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3

from orris.errors import InvalidArgument

_BLOCK = 1024 * 1024
_PORTS = {"http": 80, "https": 443}


class Pool:
    """Connections, each to where an address leads by the settings in `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._context = ssl.create_default_context()
        self._opened: dict[str, urllib3.PoolManager] = {}
        self._opening = threading.Lock()

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Send a request. Raises what urllib3 raises, InvalidArgument for a proxy whose address is none."""
        proxy = proxy_of(url, self._environ)
        with self._opening:
            if proxy not in self._opened:
                self._opened[proxy] = self._open(proxy)
        return self._opened[proxy].request(method, url, **options)

    def _open(self, proxy: str) -> urllib3.PoolManager:
        options: dict[str, Any] = {
            "maxsize": 8, "retries": False, "ssl_context": self._context, "blocksize": _BLOCK
        }  # fmt: skip
        if not proxy:
            return urllib3.PoolManager(**options)
        parts = urlsplit(proxy)
        if parts.scheme not in _PORTS or not parts.hostname:
            message = "http_proxy and https_proxy: the address of a proxy is like http://host:port"
            raise InvalidArgument(message, field="https_proxy")
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        headers = urllib3.make_headers(proxy_basic_auth=login)
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return urllib3.ProxyManager(address, proxy_headers=headers, proxy_ssl_context=self._context, **options)


def proxy_of(url: str, environ: Mapping[str, str]) -> str:
    """Return the proxy for an address, empty where there is none for it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    proxy = _setting(environ, f"{parts.scheme}_proxy")
    if not proxy or _is_here(host) or any(_excepts(each, host, port) for each in _exceptions(environ)):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _setting(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _exceptions(environ: Mapping[str, str]) -> list[str]:
    return [each.strip().lower() for each in _setting(environ, "no_proxy").split(",") if each.strip()]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _excepts(exception: str, host: str, port: int) -> bool:
    """Tell whether an entry of no_proxy is about a host: `*`, a network, or a name with those below it, and a port."""
    if exception == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(exception, strict=False)
    name, _, only = exception.rpartition(":") if exception.rpartition(":")[2].isdecimal() else (exception, "", "")
    if only and int(only) != port:
        return False
    name = name.strip("[]").removeprefix("*")
    return host == name or host.endswith(name if name.startswith(".") else f".{name}")
