"""All five services in one process: opened one after the other, stopped so that nothing is cut off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orris_artifacts.service
import orris_images.service
import orris_inference.service
import orris_models.service
import orris_runs.service
from orris_artifacts.config import Settings as ArtifactsSettings
from orris_images.config import Settings as ImagesSettings
from orris_inference.config import Settings as InferenceSettings
from orris_kit.auth import TokenVerifier
from orris_kit.logging import get_logger
from orris_kit.server import Server
from orris_kit.within import answered_within
from orris_models.config import Settings as ModelsSettings
from orris_runs.config import Settings as RunsSettings
from orris_standalone.config import Settings

log = get_logger(__name__)

# Order matters at the stop only, which is the other way round: endpoints before the runs that answer for them.
_SERVICES: tuple[tuple[Any, Any], ...] = (
    (orris_runs.service, RunsSettings),
    (orris_artifacts.service, ArtifactsSettings),
    (orris_images.service, ImagesSettings),
    (orris_models.service, ModelsSettings),
    (orris_inference.service, InferenceSettings),
)


@contextlib.asynccontextmanager
async def services(settings: Settings, listen: str, address: str) -> AsyncIterator[contextlib.AsyncExitStack]:
    """Serve all services at `listen` while the context lasts; give the stack of inference, to be closed first.

    They know each other by `address`, and need no connection to each other.
    """
    verifier, allowed = TokenVerifier(settings.public_key_path), settings.allow_insecure_listen
    server = Server(listen, authenticator=verifier, allow_insecure=allowed)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(answered_within(address, server))
        inference = contextlib.AsyncExitStack()
        for service, make_settings in _SERVICES:
            holder = inference if service is orris_inference.service else stack
            for add, servicer in await service.open_service(make_settings(), holder):
                server.add(add, servicer)
        stack.push_async_callback(inference.aclose)
        await server.start()
        stack.push_async_callback(server.stop)
        yield inference
        await asyncio.sleep(0)
