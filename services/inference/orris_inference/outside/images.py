"""What inference needs of the images service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orris.errors import FailedPrecondition
from orris.images.v1 import images_pb2, images_service_pb2
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris.names import ImageName, parse_environment

if TYPE_CHECKING:
    import grpc

    from orris.images.v1.images_service_pb2_grpc import ImageServiceAsyncStub

SERVICE = images_service_pb2.DESCRIPTOR.services_by_name["ImageService"]
# A build's log ends with the build; between the two there is a moment.
PAUSE_SECONDS = 0.2
_B = images_pb2.Build
_FINAL = {_B.STATE_SUCCEEDED, _B.STATE_FAILED, _B.STATE_CANCELED}


@dataclass(frozen=True, slots=True)
class Environment:
    """A version of an environment: its resource name, and the variables of everything that runs in it."""

    name: str
    variables: dict[str, str]


class Images:
    """The images service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: ImageServiceAsyncStub = ImageServiceStub(channel)

    async def environment(self, name: str) -> Environment:
        """Return an environment, by default its latest version. Raises NotFound (ENVIRONMENT_NOT_FOUND)."""
        request = images_service_pb2.GetEnvironmentRequest(name=name)
        found = (await self._stub.GetEnvironment(request)).environment
        return Environment(found.name, dict(found.spec.environment_variables))

    async def make(self, environment: str) -> str:
        """Return an environment's image, made if it is not there. Raises FailedPrecondition (BUILD_FAILED)."""
        parent = f"workspaces/{parse_environment(environment).workspace}"
        return await self._made(images_service_pb2.CreateBuildRequest(parent=parent, environment=environment))

    async def can_take(self, image: str, package: str) -> bool:
        """Tell whether an image lacks a package that can be added to it: nothing is to a user's own interpreter."""
        lock = (await self._stub.GetImage(images_service_pb2.GetImageRequest(name=image))).image.lock
        return not lock.interpreter and package not in {each.name for each in lock.packages}

    async def add(self, image: str, package: str) -> str:
        """Return an image with one package more. Raises FailedPrecondition (BUILD_FAILED)."""
        parent = f"workspaces/{ImageName.parse(image).workspace}"
        overlay = images_pb2.EnvironmentSpec.Overlay(image=image, pip_packages=[package])
        return await self._made(images_service_pb2.CreateBuildRequest(parent=parent, overlay=overlay))

    async def _made(self, request: images_service_pb2.CreateBuildRequest) -> str:
        build = (await self._stub.CreateBuild(request)).build
        while build.state not in _FINAL:
            log = images_service_pb2.ReadBuildLogRequest(name=build.name, follow=True)
            async for piece in self._stub.ReadBuildLog(log):
                if piece.end:
                    break
            build = (await self._stub.GetBuild(images_service_pb2.GetBuildRequest(name=build.name))).build
            if build.state not in _FINAL:
                await asyncio.sleep(PAUSE_SECONDS)
        if not build.image:
            message = f"the environment cannot be made: {build.error or 'its build was canceled'}"
            raise FailedPrecondition(message, reason="BUILD_FAILED")
        return build.image
