"""Put the service together from its settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris_images.artifact_contexts import ArtifactContexts
from orris_images.build.port import Builder
from orris_images.build.virtualenv import VirtualenvBuilder
from orris_images.config import Settings
from orris_images.contexts import Contexts
from orris_images.core import Core
from orris_images.interpreters import Interpreters, Pythons
from orris_images.numbers import numbers_of
from orris_images.resolve.conda import CondaResolver
from orris_images.resolve.either import EitherResolver
from orris_images.resolve.port import Resolver
from orris_images.resolve.uv import UvResolver
from orris_images.schema import metadata
from orris_images.servicer import ImageServicer
from orris_images.sweeping import sweep_beside
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.client import token_from
from orris_kit.conda_call import check_installed
from orris_kit.database import open_alone
from orris_kit.metrics import provide


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open the database and start the builders, to be closed by `stack`; return what `Server.add` takes."""
    engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_images", metadata))
    changes = Changes()
    contexts = ArtifactContexts(settings.artifacts_address, token_from(settings.token_path))
    builder, pythons = await run_blocking(_builder, settings, contexts)
    core = Core(
        engine,
        pythons,
        _resolver(settings),
        builder,
        clock=lambda: datetime.now(UTC),
        new_id=lambda: uuid4().hex,
        notify=changes.notify,
        workers=settings.builders,
        keep_unused=timedelta(seconds=settings.keep_unused),
    )
    stack.push_async_callback(run_blocking, core.building.stop)
    provide(stack, partial(numbers_of, engine))
    await run_blocking(core.building.resume)
    if settings.sweep_interval:
        sweep_beside(stack, core.removing, core.keep_unused, timedelta(seconds=settings.sweep_interval))
    return [(add_ImageServiceServicer_to_server, ImageServicer(core, changes, contexts))]


def _resolver(settings: Settings) -> Resolver:
    """Return the resolvers. Raises FailedPrecondition where conda channels are named and rattler is not installed."""
    if settings.conda:
        check_installed()
    uv = UvResolver(settings.environ, allow_source_builds=settings.allow_source_builds)
    default = tuple(filter(None, map(str.strip, settings.conda_default_channels.split(","))))
    return EitherResolver(uv, CondaResolver(settings.conda, default, uv, settings.environ))


def _builder(settings: Settings, contexts: Contexts) -> tuple[Builder, Pythons]:
    """Return the builder that was chosen, and the Pythons that it can make images with."""
    environ, hosts = settings.environ, Interpreters(settings.environ, Path(sys.executable))
    if settings.builder == "virtualenv":
        place, mode = settings.environments_path, settings.link_mode
        return VirtualenvBuilder(place, environ, channels=settings.conda, link_mode=mode), hosts
    from orris_images.build.oci.builder import OciBuilder
    from orris_images.build.oci.pythons import BasePythons

    folder = settings.home / "images"
    builder = OciBuilder(settings.oci, folder, environ, hosts, channels=settings.conda, contexts=contexts)
    return builder, BasePythons(builder.bases)
