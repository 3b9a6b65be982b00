"""Put the service together from its settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris_images.build.virtualenv import VirtualenvBuilder
from orris_images.config import Settings
from orris_images.core import Core
from orris_images.interpreters import Interpreters
from orris_images.resolve.uv import UvResolver
from orris_images.schema import metadata
from orris_images.servicer import ImageServicer
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.database import open_alone


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open the database and start the builders, to be closed by `stack`; return what `Server.add` takes."""
    environ = settings.environ
    engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_images", metadata))
    changes = Changes()
    core = Core(
        engine,
        Interpreters(environ, Path(sys.executable)),
        UvResolver(environ, allow_source_builds=settings.allow_source_builds),
        VirtualenvBuilder(settings.environments_path, environ, link_mode=settings.link_mode),
        clock=lambda: datetime.now(UTC),
        new_id=lambda: uuid4().hex,
        notify=changes.notify,
        workers=settings.builders,
    )
    stack.push_async_callback(run_blocking, core.building.stop)
    await run_blocking(core.building.resume)
    return [(add_ImageServiceServicer_to_server, ImageServicer(core, changes))]
