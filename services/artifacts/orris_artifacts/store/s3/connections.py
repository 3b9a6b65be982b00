"""Connections to object storage: bounded in number and in time, with the other side's certificate always verified."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import certifi
import urllib3
from urllib3 import BaseHTTPResponse, Timeout

from orris_artifacts.store.port import Bytes
from orris_artifacts.store.s3.options import Patience
from orris_artifacts.store.s3.pace import PACED_POOLS

# As many as a service has threads that block.
_COUNT = 16
# A time limit holds for each piece, so that a slow line is none that hangs.
_PIECE_BYTES = 256 * 1024


class NotFromS3(Exception):
    """An answer that is none of S3's: from a proxy in front of it, or from something else that listens there."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Connections(urllib3.PoolManager):
    """Sends each request once, and follows no redirection. Raises urllib3's HTTPError, NotFromS3."""

    def __init__(self, patience: Patience, ca_file: Path | None) -> None:
        super().__init__(
            maxsize=_COUNT,
            block=True,
            retries=False,
            timeout=Timeout(connect=patience.connection, read=patience.answer),
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.fspath(ca_file) if ca_file else certifi.where(),
        )
        self.pool_classes_by_scheme = PACED_POOLS

    def urlopen(  # type: ignore[override]  # as in the class itself
        self, method: str, url: str, redirect: bool = False, **how: Any
    ) -> BaseHTTPResponse:
        """Return what a request is answered with."""
        if how.get("body"):
            how["body"] = _pieces(how["body"])
        response = super().urlopen(method, url, redirect=False, **how)
        kind = response.headers.get("content-type", "").partition(";")[0]
        if response.status >= 300 and method != "HEAD" and kind != "application/xml":
            response.drain_conn()
            response.release_conn()
            raise NotFromS3(response.status)
        return response


def _pieces(body: Bytes | Iterable[Bytes]) -> Iterator[memoryview]:
    for part in [body] if isinstance(body, Bytes) else body:
        view = memoryview(part)
        for begin in range(0, len(view), _PIECE_BYTES):
            yield view[begin : begin + _PIECE_BYTES]
