"""Make the images of runs runnable: have them in the engine of this machine."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

from orris.errors import FailedPrecondition
from orris.images.v1 import images_pb2 as images
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.pulled import PulledImages
from orris_agent.runtimes.docker.pulling import NotInRegistryError, Registry, is_present, pull
from orris_agent.runtimes.docker.restoring import Restoring
from orris_kit.blocking import run_blocking

NO_CONTAINER_IMAGES = (
    "The environment has no container image: this instance makes none. Start it with ORRIS_IMAGES_BUILDER=oci, or "
    "submit the run with process isolation."
)


class EngineImages:
    """The images of the engine."""

    def __init__(self, engine: Engine, registry: Registry, restoring: Restoring, pulled: PulledImages) -> None:
        self._engine, self._registry, self._restoring, self._pulled = engine, registry, restoring, pulled
        self._pulling: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def is_present(self, image: images.Image) -> bool:
        """Tell whether the engine has the image. Raises FailedPrecondition for one that is no container image."""
        if not image.reference:
            raise FailedPrecondition(NO_CONTAINER_IMAGES, reason="NO_CONTAINER_IMAGE")
        self._pulled.use(image.reference)
        return await run_blocking(is_present, self._engine, image.reference)

    async def bring(self, image: images.Image, log: Callable[[str], None]) -> None:
        """Pull the image; have it made again when the registry has lost it. One at a time for each image."""
        said = _from_thread(log)
        lock = self._pulling[image.reference]
        if lock.locked():
            log("Another run is pulling the image: it is waited for.")
        async with lock:
            if await self.is_present(image):
                return
            try:
                await self._pull(image, said)
            except NotInRegistryError as error:
                log(f"The registry does not have the image any more ({error}): it is made again.")
                await self._bring_again(image, log, said)

    async def _bring_again(self, image: images.Image, log: Callable[[str], None], said: Callable[[str], None]) -> None:
        image.reference = await self._restoring.restore(image.name, log) or image.reference
        if await self.is_present(image):
            return
        try:
            await self._pull(image, said)
        except NotInRegistryError as error:
            message = (
                f"The image {image.reference} was made again, and this machine cannot find it: {error}. Give the "
                "images service a registry that its agents reach (ORRIS_IMAGES_REGISTRY)."
            )
            raise FailedPrecondition(message, reason="IMAGE_OUT_OF_REACH") from error

    async def _pull(self, image: images.Image, said: Callable[[str], None]) -> None:
        await run_blocking(self._pulled.note, image)  # before: what is pulled half is somebody's as well
        await run_blocking(pull, self._engine, image.reference, self._registry, said)

    async def sweep(self) -> None:
        """Remove images that were pulled here and that nobody needs any more."""
        await self._pulled.sweep()


def _from_thread(log: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that passes lines to `log` on the event loop."""
    loop = asyncio.get_running_loop()
    return lambda line: None if loop.is_closed() else (loop.call_soon_threadsafe(log, line), None)[1]
