"""What this service needs of the service that makes images."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from orris.images.v1 import images_pb2
from orris_kit.ray_versions import RayVersions
from orris_runs.model import Prepared


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How a build ended: with an image (`contained`: one for containers too), or with the reason why there is none."""

    image: str
    contained: bool = False
    error: str = ""
    warnings: Sequence[str] = ()


class Images(Protocol):
    """The images of environments. All methods raise what the service raises: NotFound, Unavailable and so on."""

    async def prepare(
        self, workspace: str, environment: str, image: str, cluster: RayVersions | None = None
    ) -> Prepared:
        """Return the image to run in, or the build that makes it; an environment gets the Ray of a `cluster`.

        Where it does not go with that: FailedPrecondition (PACKAGE_CONFLICT, PYTHON_CONFLICT, USER_MANAGED_IMAGE).
        """
        ...

    async def use(self, name: str) -> None:
        """Say that an image is in use."""
        ...

    async def image(self, name: str) -> images_pb2.Image:
        """Return an image, with its lock."""
        ...

    def read_log(self, build: str, offset: int) -> AsyncIterator[tuple[int, bytes]]:
        """Give a build's log from an offset (offset and bytes), as it grows, until the build has ended."""
        ...

    async def result(self, build: str) -> BuildResult | None:
        """Return how a build ended; None while it goes on."""
        ...
