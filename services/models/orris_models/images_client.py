"""The port Images over the images service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc

from orris.images.v1 import images_pb2 as images
from orris.images.v1 import images_service_pb2 as pb
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris.names import ImageName
from orris_models.ports import Built

FINAL = (images.Build.STATE_SUCCEEDED, images.Build.STATE_FAILED, images.Build.STATE_CANCELED)
# A build's log ends with the build; between the two there is a moment.
PAUSE_SECONDS = 0.2


class ImagesClient:
    """Images of the images service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._service = ImageServiceStub(channel)  # type: ignore[no-untyped-call, unused-ignore]

    async def package_version(self, image: str, package: str) -> str:
        """Return the version of a package in an image, empty where it is unknown. Raises NotFound."""
        answer = await self._service.GetImage(pb.GetImageRequest(name=image))
        return next((each.version for each in answer.image.lock.packages if each.name == package), "")

    async def build_overlay(self, image: str, packages: Sequence[str], request_id: str) -> Built:
        """Make an image with more packages, and wait for it."""
        overlay = images.EnvironmentSpec.Overlay(image=image, pip_packages=packages)
        parent = f"workspaces/{ImageName.parse(image).workspace}"
        request = pb.CreateBuildRequest(parent=parent, overlay=overlay, request_id=request_id)
        build = (await self._service.CreateBuild(request)).build
        while build.state not in FINAL:
            async for message in self._service.ReadBuildLog(pb.ReadBuildLogRequest(name=build.name, follow=True)):
                if message.end:
                    break
            build = (await self._service.GetBuild(pb.GetBuildRequest(name=build.name))).build
            if build.state not in FINAL:
                await asyncio.sleep(PAUSE_SECONDS)
        canceled = build.state == images.Build.STATE_CANCELED
        return Built(build.image, build.error or ("the build was canceled" if canceled else ""))
