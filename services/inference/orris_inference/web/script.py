"""Requests passed on to a scoring script as they are, and its responses passed back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from orris_inference.routes import Route
from orris_inference.scoring import encode
from orris_inference.web.exchange import CALLERS_IDS, read_body

if TYPE_CHECKING:
    from orris_inference.backends.port import ScriptBackend

ID_CHARACTERS = 100


async def forward(request: Request, route: Route, script: ScriptBackend, path: str, limit: int) -> Response:
    """Have a script answer a request. An endpoint's key is not shown to it; what callers of an open one send is."""
    for name in CALLERS_IDS:
        if len(request.headers.get(name, "")) > ID_CHARACTERS:
            message = f"{name} must not exceed {ID_CHARACTERS} characters"
            return Response(encode({"message": message}), 431, media_type="application/json")
    headers = dict(request.headers)
    if not route.open:
        headers.pop("authorization", None)
    target = f"{path}?{request.url.query}" if request.url.query else path
    body = await read_body(request, limit)
    status, answered, content = await script.forward(request.method, target, headers, body)
    response = Response(content, status)
    for name, value in answered:
        response.headers.append(name, value)
    return response
