"""The port Images over the images service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc

from orris.images.v1 import images_pb2 as pb2
from orris.images.v1 import images_service_pb2 as pb
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris.names import ImageName
from orris_models.ports import Built

FINAL = (pb2.Build.STATE_SUCCEEDED, pb2.Build.STATE_FAILED, pb2.Build.STATE_CANCELED)
# A build's log ends with the build; between the two there is a moment.
PAUSE_SECONDS = 0.2


class ImagesClient:
    """Images of the images service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._service = ImageServiceStub(channel)  # type: ignore[no-untyped-call, unused-ignore]

    async def set_reference(self, workspace: str, owner: str, images: Sequence[str]) -> None:
        """Say which images an owner needs. Raises FailedPrecondition (TARGET_MISSING)."""
        reference = pb2.Reference(owner=owner, images=images)
        await self._service.SetReference(pb.SetReferenceRequest(parent=f"workspaces/{workspace}", reference=reference))

    async def delete_reference(self, workspace: str, owner: str) -> None:
        """Say that an owner needs none any more."""
        request = pb.DeleteReferenceRequest(parent=f"workspaces/{workspace}", owner=owner)
        await self._service.DeleteReference(request)

    async def package_version(self, image: str, package: str) -> str:
        """Return the version of a package in an image, empty where it is unknown. Raises NotFound."""
        answer = await self._service.GetImage(pb.GetImageRequest(name=image))
        return next((each.version for each in answer.image.lock.packages if each.name == package), "")

    async def begin_overlay(self, image: str, packages: Sequence[str]) -> str:
        """Ask for an image with more packages; return the name of the build that makes it, or has made it."""
        return (await self._create(image, packages)).name

    async def build_overlay(self, image: str, packages: Sequence[str], request_id: str) -> Built:
        """Make an image with more packages, and wait for it."""
        build = await self._create(image, packages, request_id)
        while build.state not in FINAL:
            async for message in self._service.ReadBuildLog(pb.ReadBuildLogRequest(name=build.name, follow=True)):
                if message.end:
                    break
            build = (await self._service.GetBuild(pb.GetBuildRequest(name=build.name))).build
            if build.state not in FINAL:
                await asyncio.sleep(PAUSE_SECONDS)
        canceled = build.state == pb2.Build.STATE_CANCELED
        return Built(build.image, build.error or ("the build was canceled" if canceled else ""))

    async def _create(self, image: str, packages: Sequence[str], request_id: str = "") -> pb2.Build:
        overlay = pb2.EnvironmentSpec.Overlay(image=image, pip_packages=packages)
        parent = f"workspaces/{ImageName.parse(image).workspace}"
        request = pb.CreateBuildRequest(parent=parent, overlay=overlay, request_id=request_id)
        made: pb2.Build = (await self._service.CreateBuild(request)).build
        return made
