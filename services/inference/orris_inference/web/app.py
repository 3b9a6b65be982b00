"""The HTTP paths: Azure's `/score` with its description, and the Open Inference Protocol."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Path

from orris_inference.routes import Routes
from orris_inference.scoring import encode, parse
from orris_inference.v2_servicer import SERVER_NAME, SERVER_VERSION, check_version
from orris_inference.web.access import Access
from orris_inference.web.exchange import admitted, failure, read_body, request_ids
from orris_inference.web.script import forward
from orris_inference.web.swagger import describe
from orris_kit.blocking import run_blocking

SERVICE = "/api/v1/service/{id}"
# Above this a body is parsed apart from the loop: it takes longer than handing it over.
LARGE_BODY = 64 * 1024
JSON = "application/json"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
Handler = Callable[[Request], Awaitable[Response]]


def make_app(routes: Routes, max_body_bytes: int, *, metrics: bool = False) -> Starlette:
    """Return the application. `metrics`: whether it has a page of this process's numbers, open to all who reach it."""
    web = _Web(routes, max_body_bytes)
    azure, v2 = functools.partial(_told, "message"), functools.partial(_told, "error")
    models = "/v2/models/{id}"
    paths = [Path("/", web.healthy, methods=["GET"])]
    if metrics:
        paths.append(Path("/metrics", web.metrics, methods=["GET"]))
    paths += [
        Path(f"{SERVICE}/score", azure(web.counted(web.score)), methods=["GET", "POST"]),
        Path(f"{SERVICE}/score", azure(web.options), methods=["OPTIONS"]),
        Path(f"{SERVICE}/swagger.json", azure(web.swagger), methods=["GET"]),
        Path("/v2", v2(web.server), methods=["GET"]),
        Path("/v2/health/live", v2(web.live), methods=["GET"]),
        Path("/v2/health/ready", v2(web.live), methods=["GET"]),
    ]
    for base in (models, models + "/versions/{version}"):
        paths += [
            Path(base, v2(web.model), methods=["GET"]),
            Path(f"{base}/ready", v2(web.model_ready), methods=["GET"]),
            Path(f"{base}/infer", v2(web.counted(web.infer)), methods=["POST"]),
        ]
    return Starlette(routes=paths)


class _Web:
    def __init__(self, routes: Routes, max_body_bytes: int) -> None:
        self._routes = routes
        self._limit = max_body_bytes

    async def healthy(self, request: Request) -> Response:
        return PlainTextResponse("Healthy")

    async def metrics(self, request: Request) -> Response:
        return Response(await run_blocking(_metrics), media_type=METRICS)

    def counted(self, handler: Handler) -> Handler:
        """Count what an endpoint is asked."""

        async def count(request: Request) -> Response:
            with self._routes.find(request.path_params["id"]).statistics.counting() as counting:
                response = await handler(request)
                counting.status = response.status_code
            return response

        return count

    async def score(self, request: Request) -> Response:
        route = admitted(request, self._routes)
        script = route.script()
        if request.method == "HEAD" or (request.method == "GET" and script is None):
            return Response(encode({"message": "Method not allowed"}), 405, media_type=JSON)
        if script is not None:
            return await forward(request, route, script, "/score", self._limit)
        backend = route.model()
        body = await read_body(request, self._limit)
        if len(body) > LARGE_BODY:
            call = await run_blocking(parse, body, backend.signature)
        else:
            call = parse(body, backend.signature)
        begin = time.perf_counter()
        result = await backend.call(call)
        if (drift := route.statistics.drift) is not None:
            drift.offer(call.data)
        spent = (time.perf_counter() - begin) * 1000
        content = await run_blocking(encode, result) if len(body) > LARGE_BODY else encode(result)
        return Response(content, media_type=JSON, headers={"x-ms-run-fn-exec-ms": f"{spent:.3f}"})

    async def options(self, request: Request) -> Response:
        route = self._routes.find(request.path_params["id"])
        script = None if route.backend is None else route.script()
        if script is not None and script.takes_options:
            return await forward(request, admitted(request, self._routes), script, "/score", self._limit)
        return Response(status_code=200, headers={"allow": "POST, OPTIONS" if script is None else "GET, POST, OPTIONS"})

    async def swagger(self, request: Request) -> Response:
        route = admitted(request, self._routes)
        script = route.script()
        if script is not None:
            return await forward(request, route, script, "/swagger.json", self._limit)
        backend = route.model()
        return _json(describe(request.path_params["id"], backend.signature, str(request.base_url).rstrip("/")))

    async def server(self, request: Request) -> Response:
        return _json({"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": []})

    async def live(self, request: Request) -> Response:
        return _json({"live": True, "ready": True})

    async def model(self, request: Request) -> Response:
        route = admitted(request, self._routes)
        backend = route.model()
        check_version(route, request.path_params.get("version", ""))
        tensors = {
            key: [{"name": each.name, "datatype": each.datatype, "shape": list(each.shape)} for each in specs]
            for key, specs in (("inputs", backend.inputs), ("outputs", backend.outputs))
        }
        name = request.path_params["id"]
        return _json({"name": name, "versions": [route.version], "platform": backend.platform, **tensors})

    async def model_ready(self, request: Request) -> Response:
        route = admitted(request, self._routes)
        route.model()
        check_version(route, request.path_params.get("version", ""))
        return _json({"name": request.path_params["id"], "ready": True})

    async def infer(self, request: Request) -> Response:
        from orris_inference.wire.json_form import read_request, write_answer

        route = admitted(request, self._routes)
        backend = route.model()
        check_version(route, request.path_params.get("version", ""))
        body = await read_body(request, self._limit)
        large = len(body) > LARGE_BODY
        inputs, wanted, identifier = await run_blocking(read_request, body) if large else read_request(body)
        names, arrays = await backend.infer(inputs, wanted)
        if (drift := route.statistics.drift) is not None:
            drift.offer(inputs)
        answer = write_answer(request.path_params["id"], route.version, identifier, names, arrays)
        return Response(answer, media_type=JSON)


def _told(key: str, handler: Handler) -> Handler:
    """Tell errors under `key`, give every answer its request's ids, and write down what happened."""

    async def told(request: Request) -> Response:
        access = Access(request)
        try:
            response = await handler(request)
        except Exception as error:
            response = failure(error, key)
        ids = request_ids(request)
        for name, value in ids.items():
            response.headers[name] = value
        access.ended(response.status_code, ids["x-request-id"])
        return response

    return told


def _metrics() -> bytes:
    from orris_kit.metrics.exposition import page

    return page()


def _json(value: object) -> Response:
    return Response(encode(value), media_type=JSON)
