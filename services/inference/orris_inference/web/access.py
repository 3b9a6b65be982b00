"""One line in the log for each HTTP request that failed, and its span; of those that were answered only when debugging:
there are thousands a second, and the statistics count them."""

from __future__ import annotations

import time

from starlette.requests import Request

from orris_kit import tracing
from orris_kit.logging import get_logger

log = get_logger("orris.access")


class Access:
    """One request, from when it came."""

    __slots__ = ("_begin", "_request", "_span", "_trace")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._begin = time.monotonic()
        self._trace = tracing.checked(request.headers.get(tracing.TRACEPARENT, ""))
        self._span = None
        if self._trace or tracing.is_reported():
            self._span = tracing.enter(f"{request.method} {_path(request)}", self._trace)
            self._trace = tracing.current()

    def ended(self, status: int, request_id: str) -> None:
        """Write down how it ended."""
        if self._span is not None:
            self._span.end(f"HTTP {status}" if status >= 400 else "")
        request, write = self._request, log.info if status >= 400 else log.debug
        fields: dict[str, object] = {"code": status, "ms": (time.monotonic() - self._begin) * 1000}
        if request.client is not None:
            fields["peer"] = f"{request.client.host}:{request.client.port}"
        if (size := request.headers.get("content-length", "")).isdecimal():
            fields["bytes"] = int(size[:20])
        if self._trace:
            fields["trace"] = tracing.trace_id(self._trace)
        write("call", method=f"{request.method} {request.url.path}", **fields, request_id=request_id)


def _path(request: Request) -> str:
    """Return the path as it is declared: spans of all endpoints have few names."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "HTTP"))
