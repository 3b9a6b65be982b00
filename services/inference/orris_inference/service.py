"""Put the service together from its settings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import grpc

from orris.inference.v1.inference_service_pb2_grpc import add_EndpointServiceServicer_to_server
from orris.inference.v2.open_inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from orris_inference.config import Settings
from orris_inference.core import Endpoints
from orris_inference.counts import Counts
from orris_inference.graphs import Graphs
from orris_inference.keeper import Patience
from orris_inference.keepers import Keepers
from orris_inference.numbers import numbers_of
from orris_inference.outside import artifacts, images, models, runs
from orris_inference.replicas import Replicas
from orris_inference.routes import Routes
from orris_inference.schema import metadata
from orris_inference.served_script import Scripts
from orris_inference.servicer import EndpointServicer
from orris_inference.v2_servicer import InferenceServicer
from orris_inference.web.listener import listen, serving
from orris_kit.address import Address
from orris_kit.auth import TokenVerifier
from orris_kit.changes import Changes
from orris_kit.client import connect, token_from
from orris_kit.database import open_alone
from orris_kit.metrics import provide


async def open_service(
    settings: Settings, stack: AsyncExitStack, patience: Patience | None = None
) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open database, HTTP and channels, to be closed by `stack`; return what `Server.add` takes.

    Endpoints come up beside that, as soon as the other services answer.
    """
    engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_inference", metadata))
    changes = Changes()
    core = Endpoints(engine, lambda: datetime.now(UTC), changes.notify)
    routes = Routes(TokenVerifier(settings.public_key_path), allow_open=settings.allow_open_endpoints)
    await Counts(engine, routes).keep(stack)
    provide(stack, functools.partial(numbers_of, engine, routes))
    base_url = await _serve_http(settings, stack, routes)

    async def channel(address: str, contract: Any) -> grpc.aio.Channel:
        source = token_from(settings.token_path)
        return await stack.enter_async_context(connect(address, source, services=[contract]))

    registry = models.Models(await channel(settings.models_address, models.SERVICE))
    store = artifacts.Artifacts(await channel(settings.artifacts_address, artifacts.SERVICE))
    agents = runs.Runs(await channel(settings.runs_address, runs.SERVICE))
    scripts = Scripts(store, images.Images(await channel(settings.images_address, images.SERVICE)), registry)
    replicas = Replicas(agents, settings.pool)
    patience = patience or Patience(load=settings.load_time_limit)
    keepers = Keepers(core, scripts, Graphs(store, settings.onnx_threads), replicas, routes, patience)
    stack.push_async_callback(keepers.stop)
    await keepers.start()
    return [
        (add_EndpointServiceServicer_to_server, EndpointServicer(core, keepers, scripts, changes, routes, base_url)),
        (add_GRPCInferenceServiceServicer_to_server, InferenceServicer(routes)),
    ]


async def _serve_http(settings: Settings, stack: AsyncExitStack, routes: Routes) -> str:
    """Serve HTTP; return what URLs begin with."""
    address = Address.parse(settings.http_listen)
    memory = settings.home / "inference" / "http.port"
    bound = listen(address, memory, allow_insecure=settings.allow_insecure_listen)
    await stack.enter_async_context(
        serving(bound, functools.partial(_app, routes, settings.max_body_bytes, settings.http_metrics))
    )
    return settings.public_url.rstrip("/") or f"http://{Address(address.host, bound.getsockname()[1])}"


def _app(routes: Routes, max_body_bytes: int, metrics: bool) -> Any:
    from orris_inference.web.app import make_app

    return make_app(routes, max_body_bytes, metrics=metrics)
