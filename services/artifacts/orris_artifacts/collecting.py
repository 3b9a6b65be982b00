"""Tell who asked for it how collecting garbage goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris_artifacts.amounts import Garbage
from orris_artifacts.garbage import Steps
from orris_artifacts.translation import garbage_message
from orris_kit.blocking import iterate_blocking
from orris_kit.draining import until_draining


async def reports_of(steps: Steps) -> AsyncGenerator[pb.CollectGarbageResponse, None]:
    """Say what was found until now whenever it is more; at the end, that it is all."""
    told = Garbage()
    async with aclosing(until_draining(iterate_blocking(steps))) as found:
        async for now in found:
            if now != told:
                yield pb.CollectGarbageResponse(garbage=garbage_message(now))
                told = now
    yield pb.CollectGarbageResponse(garbage=garbage_message(told), done=True)
