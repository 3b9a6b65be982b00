"""Where to listen and whom to call: `host:port`, `[::1]:port` or `unix:/path`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self

from orris.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port (0: any free one), or a Unix socket's path as `host` with no port."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str, *, field: str = "address") -> Self:
        """Return the parts. Raises InvalidArgument."""
        if text.startswith("unix:"):
            return cls(text, None)
        host, colon, port = text.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not colon or not bare or (":" in bare and bare is host) or not (port.isascii() and port.isdigit()):
            raise InvalidArgument(f"{field}: {text!r} is not of the form host:port", field=field)
        if int(port) > 65535:
            raise InvalidArgument(f"{field}: {port} is no port", field=field)
        return cls(bare, int(port))

    @property
    def stays_here(self) -> bool:
        """Tell whether only this machine can reach it."""
        if self.port is None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.port is None:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
