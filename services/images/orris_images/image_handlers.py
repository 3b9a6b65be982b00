"""The handlers for images: the rest of the contract is in `servicer`."""

from __future__ import annotations

from typing import Any

from orris.errors import InvalidArgument
from orris.images.v1 import images_service_pb2 as pb
from orris.images.v1.images_service_pb2_grpc import ImageServiceServicer
from orris.names import ImageName
from orris_images.core import Core
from orris_images.listing import page_of, token_after, workspace_of
from orris_images.records import Image
from orris_images.translation import build_message, image_message
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal

writers = allow(Role.USER, Role.SERVICE)
users = allow(Role.USER, Role.AGENT, Role.SERVICE)
readers = allow(Role.USER, Role.AGENT, Role.SERVICE, Role.READER)


class ImageHandlers(ImageServiceServicer):
    """Images over gRPC."""

    def __init__(self, core: Core) -> None:
        self._builds, self._images, self._removing = (core.builds, core.images, core.removing)
        self._references, self._uses, self._keep_unused = (core.references, core.uses, core.keep_unused)

    @readers
    async def GetImage(self, request: pb.GetImageRequest, context: Any) -> pb.GetImageResponse:
        return pb.GetImageResponse(image=image_message(await run_blocking(self._get_image, request)))

    @readers
    async def ListImages(self, request: pb.ListImagesRequest, context: Any) -> pb.ListImagesResponse:
        workspace, after, limit = page_of(request)
        found, more = await run_blocking(self._images.list, workspace, after, limit)
        token = token_after(request, found[-1].create_time, found[-1].image) if more else ""
        return pb.ListImagesResponse(images=map(image_message, found), next_page_token=token)

    @users
    async def RestoreImage(self, request: pb.RestoreImageRequest, context: Any) -> pb.RestoreImageResponse:
        name = ImageName.parse(request.name)
        build = await run_blocking(self._builds.restore, name.workspace, name.image)
        return pb.RestoreImageResponse(build=build_message(build))

    @writers
    async def DeleteImage(self, request: pb.DeleteImageRequest, context: Any) -> pb.DeleteImageResponse:
        name = ImageName.parse(request.name)
        await run_blocking(self._removing.delete, name.workspace, name.image)
        return pb.DeleteImageResponse()

    @allow(Role.SERVICE)
    async def SetReference(self, request: pb.SetReferenceRequest, context: Any) -> pb.SetReferenceResponse:
        await run_blocking(self._set_reference, request)
        return pb.SetReferenceResponse()

    @allow(Role.SERVICE)
    async def DeleteReference(self, request: pb.DeleteReferenceRequest, context: Any) -> pb.DeleteReferenceResponse:
        await run_blocking(self._references.delete, workspace_of(request.parent), request.owner)
        return pb.DeleteReferenceResponse()

    @writers
    async def CollectImages(self, request: pb.CollectImagesRequest, context: Any) -> pb.CollectImagesResponse:
        return await run_blocking(self._collect, request)

    def _get_image(self, request: pb.GetImageRequest) -> Image:
        name = ImageName.parse(request.name)
        found = self._images.get(name.workspace, name.image)
        if current_principal().role in (Role.AGENT, Role.SERVICE):  # to look at one is not to use it
            self._uses.note(name.workspace, name.image)
        return found

    def _set_reference(self, request: pb.SetReferenceRequest) -> None:
        workspace, images = workspace_of(request.parent), list[str]()
        for each in request.reference.images:
            name = ImageName.parse(each, field="reference.images")
            if name.workspace != workspace:
                message = f"{each} is of another workspace than its owner"
                raise InvalidArgument(message, field="reference.images", reason="OTHER_WORKSPACE")
            images.append(name.image)
        self._references.set(workspace, request.reference.owner, images)

    def _collect(self, request: pb.CollectImagesRequest) -> pb.CollectImagesResponse:
        unused = request.unused.ToTimedelta() if request.HasField("unused") else self._keep_unused
        found = self._removing.collect(workspace_of(request.parent), unused, dry_run=request.dry_run)
        return pb.CollectImagesResponse(images=map(image_message, found))
