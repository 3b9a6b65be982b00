"""Put the service together from its settings."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import Any

import grpc

from orris.artifacts.v1 import artifacts_service_pb2
from orris.images.v1 import images_service_pb2
from orris.models.v1.models_service_pb2_grpc import add_ModelServiceServicer_to_server
from orris.runs.v1 import runs_service_pb2
from orris_kit.changes import Changes
from orris_kit.client import connect, token_from
from orris_kit.database import open_alone
from orris_kit.metrics import provide
from orris_models.artifacts_client import ArtifactsClient
from orris_models.config import Settings
from orris_models.converting import Converter
from orris_models.core import Models
from orris_models.following import Follower
from orris_models.images_client import ImagesClient
from orris_models.keeping import Keeping
from orris_models.numbers import numbers_of
from orris_models.registration import Registration
from orris_models.runs_client import RunsClient
from orris_models.schema import metadata
from orris_models.servicer import ModelServicer


async def open_service(settings: Settings, stack: AsyncExitStack) -> list[tuple[Callable[[Any, Any], None], Any]]:
    """Open database and channels, to be closed by `stack`, go on with conversions; return what `Server.add` takes."""
    engine = await stack.enter_async_context(open_alone(settings.database_url, "orris_models", metadata))
    changes = Changes()
    core = Models(engine, lambda: datetime.now(UTC), changes.notify)
    artifacts = ArtifactsClient(_channel(settings, stack, settings.artifacts_address, artifacts_service_pb2.DESCRIPTOR))
    images = ImagesClient(_channel(settings, stack, settings.images_address, images_service_pb2.DESCRIPTOR))
    runs = RunsClient(_channel(settings, stack, settings.runs_address, runs_service_pb2.DESCRIPTOR))
    keeping = Keeping(core, artifacts, images)
    registration = Registration(core, keeping, artifacts, images, runs)
    converter = Converter(core, keeping, artifacts, images, runs, settings.conversion_time_limit)
    follower = Follower(core, converter, settings.conversions_at_a_time)
    provide(stack, partial(numbers_of, engine))
    await keeping.start()
    stack.push_async_callback(keeping.stop)
    await follower.start()
    stack.push_async_callback(follower.stop)
    servicer = ModelServicer(core, registration, keeping, converter, follower, changes)
    return [(add_ModelServiceServicer_to_server, servicer)]


def _channel(settings: Settings, stack: AsyncExitStack, address: str, contract: Any) -> grpc.aio.Channel:
    channel = connect(address, token_from(settings.token_path), services=contract.services_by_name.values())
    stack.push_async_callback(channel.close)
    return channel
