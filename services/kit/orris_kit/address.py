"""Where to listen and whom to call: `host:port`, `[::1]:port` or `unix:/path`.

Whom to call may be several that do the same, as gRPC writes them: `ipv4:10.0.0.5:6747,10.0.0.6:6747`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self

from orris.errors import InvalidArgument

_FAMILIES = {"ipv4": 4, "ipv6": 6}


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


def check_target(text: str) -> str:
    """Return whom to call, as gRPC takes it. Raises InvalidArgument."""
    scheme, colon, rest = text.partition(":")
    if scheme not in _FAMILIES or not colon:
        return str(Address.parse(text))
    return f"{scheme}:{','.join(str(_literal(each, scheme)) for each in rest.split(','))}"


def _literal(text: str, scheme: str) -> Address:
    address = Address.parse(text)
    try:
        if ipaddress.ip_address(address.host).version == _FAMILIES[scheme]:
            return address
    except ValueError:
        pass
    raise InvalidArgument(f"address: {text!r} is no {scheme} address with a port: {scheme}: takes no names")
