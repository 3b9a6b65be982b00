"""Put the service together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from orris.artifacts.v1.artifacts_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from orris_artifacts.config import Settings
from orris_artifacts.core import Artifacts
from orris_artifacts.schema import metadata
from orris_artifacts.servicer import ArtifactServicer
from orris_artifacts.store.folder import FolderStore
from orris_kit.blocking import run_blocking
from orris_kit.database import open_database


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open store and database, to be closed by `stack`; return what `Server.add` takes."""
    store = await run_blocking(FolderStore, settings.store_path)
    stack.callback(store.close)
    engine = await run_blocking(open_database, settings.database_url, "orris_artifacts", metadata)
    stack.callback(engine.dispose)
    core = Artifacts(engine, store, lambda: datetime.now(UTC))
    return [(add_ArtifactServiceServicer_to_server, ArtifactServicer(core))]
