"""Which bucket to use, and how to reach it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from orris_kit.address import Address

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_STORE = re.compile(rf"s3://({_LABEL}(?:\.{_LABEL})*)((?:/[\w-][\w.-]*)*)/?", re.ASCII)
_IPV4 = re.compile(r"(?:[0-9]+\.){3}[0-9]+")
_ENDPOINT = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?")
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are signed with."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a connection, an answer, all attempts of one request; and at start."""

    connection: float = 3.0
    answer: float = 10.0
    attempts: float = 10.0
    start: float = 30.0


@dataclass(frozen=True, slots=True)
class S3Options:
    """A bucket, the prefix of all keys in it (empty, or ending in `/`), and the way there.

    `credentials` may be the path of an AWS credentials file. Clients reach the bucket at `public_endpoint`. Without
    `presign_time`, no requests are signed for them. In the folder `spool` is what is on its way through this service.
    """

    endpoint: str
    bucket: str
    prefix: str
    credentials: Keys | Path
    region: str
    public_endpoint: str
    presign_time: timedelta | None
    ca_file: Path | None
    spool: Path
    patience: Patience = Patience()

    @property
    def place(self) -> str:
        """The bucket and where it is, for messages and logs."""
        return f"s3://{self.bucket}/{self.prefix} at {self.endpoint}"


def parse_store(url: str) -> tuple[str, str]:
    """Return bucket and prefix of `s3://BUCKET/PREFIX`. Raises ValueError."""
    found = _STORE.fullmatch(url)
    if found is None or not 3 <= len(found[1]) <= 63 or _IPV4.fullmatch(found[1]):
        raise ValueError("give s3://BUCKET or s3://BUCKET/PREFIX, with the letters that S3 allows in a bucket's name")
    return found[1], f"{found[2][1:]}/" if found[2] else ""


def parse_endpoint(url: str) -> str:
    """Return an endpoint as it stands in a request's Host. Raises ValueError, which does not repeat what is wrong."""
    found = _ENDPOINT.fullmatch(url.lower())
    if found is None or not 0 < int(found[3] or 1) < 65536:
        raise ValueError("give http://host:port or https://host:port, and nothing else")
    scheme, host, port = found.groups()
    return (
        f"{scheme}://{host}" if port is None or int(port) == _USUAL_PORTS[scheme] else f"{scheme}://{host}:{int(port)}"
    )


def stays_here(endpoint: str) -> bool:
    """Tell whether an endpoint is on this machine."""
    return Address(urlsplit(endpoint).hostname or "", 0).stays_here
