"""Images that unfinished runs need are asked for again and again; those of finished ones are not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orris.errors import NotFound
from orris.images.v1 import images_pb2
from orris_kit.ray_versions import RayVersions
from orris_runs.builds import BuildResult
from orris_runs.model import Prepared
from orris_runs.using_images import use_images
from tests.unit.runs.conftest import World

ONE, OTHER = "workspaces/default/images/one", "workspaces/default/images/other"


class FakeImages:
    """Remembers what was used; the image `one-gone` is not there."""

    def __init__(self) -> None:
        self.used: list[str] = []

    async def use(self, name: str) -> None:
        self.used.append(name)
        if name.endswith("-gone"):
            raise NotFound("gone")

    async def prepare(
        self, workspace: str, environment: str, image: str, cluster: RayVersions | None = None
    ) -> Prepared:
        raise NotImplementedError

    async def image(self, name: str) -> images_pb2.Image:
        raise NotImplementedError

    def read_log(self, build: str, offset: int) -> AsyncIterator[tuple[int, bytes]]:
        raise NotImplementedError

    async def result(self, build: str) -> BuildResult | None:
        raise NotImplementedError


async def used(world: World, images: FakeImages) -> list[str]:
    """Return what is asked for before the first pause."""

    async def pause(seconds: float) -> None:
        raise EOFError

    images.used.clear()
    with pytest.raises(EOFError):
        await use_images(world.core, images, pause)
    return images.used


async def test_images_of_unfinished_runs_are_asked_for_once_each(world: World) -> None:
    images = FakeImages()
    assert await used(world, images) == []
    world.agent(slots=3)
    _, lease = world.start(image=ONE)
    world.start(image=OTHER)
    world.submit(image=OTHER)
    world.submit(image=f"{ONE}-gone")
    assert await used(world, images) == [ONE, f"{ONE}-gone", OTHER]
    world.finish(lease)
    assert await used(world, images) == [f"{ONE}-gone", OTHER]
