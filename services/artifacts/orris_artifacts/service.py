"""Put the service together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from orris.artifacts.v1.artifacts_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from orris.artifacts.v1.data_service_pb2_grpc import add_DataServiceServicer_to_server
from orris_artifacts.config import Settings
from orris_artifacts.core import Artifacts
from orris_artifacts.data_servicer import DataServicer
from orris_artifacts.identity import claim
from orris_artifacts.numbers import numbers_of
from orris_artifacts.schema import metadata
from orris_artifacts.servicer import ArtifactServicer
from orris_artifacts.store.opening import open_store
from orris_artifacts.sweeping import sweep_beside
from orris_kit.blocking import run_blocking
from orris_kit.database import open_shared
from orris_kit.metrics import provide


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open store and database, to be closed by `stack`; return what `Server.add` takes."""
    store = await run_blocking(open_store, settings, _now)
    stack.callback(store.close)
    engine = await stack.enter_async_context(open_shared(settings.database_url, "orris_artifacts", metadata))
    await run_blocking(claim, store, engine, _now)
    core = Artifacts(engine, store, _now)
    stack.callback(core.close)
    provide(stack, partial(numbers_of, engine))
    grace = timedelta(seconds=settings.grace)
    if settings.sweep_interval:
        sweep_beside(stack, core, grace, timedelta(seconds=settings.sweep_interval))
    return [
        (add_ArtifactServiceServicer_to_server, ArtifactServicer(core, grace)),
        (add_DataServiceServicer_to_server, DataServicer(core)),
    ]


def _now() -> datetime:
    return datetime.now(UTC)
