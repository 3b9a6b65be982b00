"""One HTTP request: who sends it, its body, and how errors are told."""

from __future__ import annotations

import ipaddress
import re
import traceback
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from orris.errors import OrrisError, Unauthenticated
from orris_inference.routes import Route, Routes
from orris_inference.scoring import encode
from orris_kit.context import new_request_id
from orris_kit.logging import get_logger

STATUS = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "UNAVAILABLE": 503,
    "RESOURCE_EXHAUSTED": 429,
    "DEADLINE_EXCEEDED": 504,
    # Azure's front end tells a failure of the model's code by 502.
    "INTERNAL": 502,
    "UNIMPLEMENTED": 501,
}
CALLERS_IDS = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id")
_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)

log = get_logger(__name__)


class TooLarge(OrrisError):
    """The body is larger than what is read."""

    code = "PAYLOAD_TOO_LARGE"


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body. Raises TooLarge as soon as that is known."""
    message = f"the body is larger than {limit} bytes; send fewer rows at a time"
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(message)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(message)
    return bytes(body)


def admitted(request: Request, routes: Routes) -> Route:
    """Return the route of the endpoint in the path, if the caller may use it."""
    route = routes.find(request.path_params["id"])
    routes.admit(route, request.headers.get("authorization"), here=route.open and _is_here(request))
    return route


def request_ids(request: Request) -> dict[str, str]:
    """Return the ids that an answer has: the caller's own where they can be used."""
    sent = {name: request.headers.get(name, "") for name in CALLERS_IDS}
    given = {name: value for name, value in sent.items() if _REQUEST_ID.fullmatch(value)}
    common = given.get("x-ms-request-id") or given.get("x-request-id") or new_request_id()
    return dict.fromkeys(CALLERS_IDS, common) | given


def failure(error: Exception, key: str) -> Response:
    """Return the answer that tells an error under `key`; what is not expected is logged and told to nobody."""
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    if not isinstance(error, OrrisError):
        log.error("a prediction failed", error="".join(traceback.format_exception(error)))
        return _answer(500, key, "internal error; the service's log has more")
    status = 413 if isinstance(error, TooLarge) else STATUS.get(error.code, 500)
    response = _answer(status, key, error.message)
    if isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = "Bearer"
    if status == 502:
        response.headers["x-ms-request-run-function-failed"] = "True"
    retry_after: Any = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["retry-after"] = str(max(1, round(retry_after)))
    return response


def _answer(status: int, key: str, message: str) -> Response:
    return Response(encode({key: message}), status, media_type="application/json")


def _is_here(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
