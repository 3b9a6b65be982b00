"""Asking an endpoint over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orris.errors import FailedPrecondition, Unavailable
from orris.sdk.failures import ScoringFailed
from orris.sdk.samples import to_rows
from orris.sdk.trace_context import trace_context


@dataclass(frozen=True)
class Answer:
    """What came back: JSON, or text where it is none."""

    body: bytes

    def check(self, status: int) -> Any:
        """Return the answer's JSON. Raises ScoringFailed for a status that is no success."""
        value = self._value()
        if status < 300:
            return value
        found = value.get("message") or value.get("error") if isinstance(value, dict) else value
        raise ScoringFailed(f"the endpoint answered {status}: {found or http.client.responses.get(status, '')}", status)

    def _value(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode(errors="replace").strip()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are not followed: they would carry the key elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(uri: str, data: Any, key: str | None, timeout: float) -> tuple[int, Answer]:
    """Post text, bytes, or data that becomes JSON, and return the HTTP status and the answer.

    Raises FailedPrecondition when there is no address yet, Unavailable when nobody answers in `timeout` seconds.
    """
    if urlsplit(uri).scheme not in ("http", "https"):
        raise FailedPrecondition("the endpoint has no address yet: wait for its deployment")
    body = data.encode() if isinstance(data, str) else data if isinstance(data, bytes) else encode(data)
    headers = {"Content-Type": "application/json", "Accept": "application/json", **dict(trace_context())}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(uri, data=body, headers=headers, method="POST")  # noqa: S310  # checked above
    try:
        with _opener(uri).open(request, timeout=timeout) as response:
            return response.status, Answer(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, Answer(error.read())
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"nobody answers at {uri}: {getattr(error, 'reason', error)}") from error


def encode(data: Any) -> bytes:
    """Return data as JSON, with numpy arrays and DataFrames in it as lists."""
    if isinstance(data, dict):
        return json.dumps({key: to_rows(value) for key, value in data.items()}).encode()
    return json.dumps({"data": to_rows(data)}).encode()


def _opener(uri: str) -> urllib.request.OpenerDirector:
    """Return what opens the address: on this machine without any proxy."""
    from orris.sdk.instance import is_loopback

    handlers: list[Any] = [_NoRedirect()]
    if is_loopback(urlsplit(uri).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)
