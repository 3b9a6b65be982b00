"""Images: what is in them, who uses them, and getting rid of those that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.images.v1 import images_pb2, images_service_pb2
from orris.models.v1 import models_service_pb2
from orris.names import BuildName, ImageName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.paging import pages
from orris.sdk.spelling import moment

if TYPE_CHECKING:
    from orris.sdk.build import Build
    from orris.sdk.workspace import Workspace

LEAST_PREFIX = 4
_FINISHED = (runs_pb2.Run.STATE_COMPLETED, runs_pb2.Run.STATE_FAILED, runs_pb2.Run.STATE_CANCELED)
_UNFINISHED = [value for value in runs_pb2.Run.State.values() if value and value not in _FINISHED]


class Image:
    """An image as it was when asked for."""

    def __init__(self, workspace: Workspace, message: images_pb2.Image) -> None:
        self.workspace = workspace
        self.message = message

    @classmethod
    def get(cls, workspace: Workspace, image: str) -> Image:
        """Return an image by its id, or by the first characters that no other image has. Raises NotFound."""
        name = image if "/" in image else str(ImageName(workspace.name, image))
        request = images_service_pb2.GetImageRequest(name=name)
        try:
            return cls(workspace, workspace.connection.images.GetImage(request).image)
        except NotFound:
            like = [each for each in cls.list(workspace) if each.id.startswith(image)]
            if len(like) > 1 and len(image) >= LEAST_PREFIX:
                message = f"image: {image!r} begins the ids of {len(like)} images; give more of it"
                raise InvalidArgument(message, field="image") from None
            if len(like) != 1 or len(image) < LEAST_PREFIX:
                raise
            return like[0]

    @classmethod
    def list(cls, workspace: Workspace) -> Iterator[Image]:
        """Yield the images that are there, newest first."""
        request = images_service_pb2.ListImagesRequest(parent=workspace.resource_name)
        for message in pages(workspace.connection.images.ListImages, request, lambda page: page.images):
            yield cls(workspace, message)

    @property
    def id(self) -> str:
        return ImageName.parse(self.message.name).image

    @property
    def reference(self) -> str:
        """Where the container image is, with its digest; empty where there is none."""
        return self.message.reference

    @property
    def size(self) -> int:
        """Bytes; 0 where unknown."""
        return self.message.size

    @property
    def created(self) -> datetime | None:
        return moment(self.message.create_time)

    @property
    def used(self) -> datetime | None:
        """When it was last used, to the hour."""
        return moment(self.message.use_time)

    @property
    def collected(self) -> datetime | None:
        """Since when only its lock is left, from which it is made again; None for an image that is there."""
        return moment(self.message.collect_time)

    @property
    def users(self) -> Sequence[str]:
        """The environments that it is the image of, and the models that refer to it, as `NAME:VERSION`."""
        names = (*self.message.environments, *self.message.owners)
        return [name.partition("/")[2].partition("/")[2].partition("/")[2].replace("/versions/", ":") for name in names]

    def runs(self) -> Sequence[str]:
        """Return the ids of the runs that use it now, of all kinds."""
        request = runs_service_pb2.ListRunsRequest(
            parent=self.workspace.resource_name, states=_UNFINISHED, kinds=[k for k in runs_pb2.RunKind.values() if k]
        )
        found = pages(self.workspace.connection.runs.ListRuns, request, lambda page: page.runs)
        return [run.name.rpartition("/")[2] for run in found if run.image == self.message.name]

    def prepare_conversion(self) -> Build:
        """Have the image made in which models of this one are examined; what is registered later waits for no build.

        Returns its build. One that fails means that such models are served as they are. Raises FailedPrecondition
        (USER_MANAGED_IMAGE) where nothing can be added.
        """
        from orris.sdk.build import Build

        request = models_service_pb2.PrepareConversionRequest(image=self.message.name)
        build = self.workspace.connection.models.PrepareConversion(request).build
        return Build.get(self.workspace, BuildName.parse(build).build)

    def delete(self) -> None:
        """Delete what it is made of. Its lock is left: the next build, or whoever needs it, gets the same image again.

        Raises FailedPrecondition (IMAGE_IN_USE) while a run uses it or a model refers to it.
        """
        if runs := self.runs():
            message = f"{', '.join(runs[:3])} uses image {self.id} now; wait for it, or cancel it"
            raise FailedPrecondition(message, reason="IMAGE_IN_USE")
        request = images_service_pb2.DeleteImageRequest(name=self.message.name)
        self.workspace.connection.images.DeleteImage(request)

    def details(self) -> dict[str, Any]:
        """Return what is in it, as JSON has it."""
        lock = self.message.lock
        return {
            "id": self.id,
            "python": lock.python_version,
            "requestedPython": lock.requested_python_version or None,
            "platform": lock.platform,
            "interpreter": lock.interpreter or None,
            "baseImage": lock.base_image or None,
            "reference": self.reference or None,
            "size": self.size,
            "users": self.users,
            "packages": {package.name: package.version for package in lock.packages},
            "condaPackages": {package.name: package.version for package in lock.conda_packages},
            "warnings": [*self.message.warnings],
        }

    def __repr__(self) -> str:
        return f"Image(id={self.id!r})"


def collect_images(workspace: Workspace, unused: timedelta | None = None, *, dry_run: bool = False) -> list[Image]:
    """Collect the images that nobody refers to and nobody has used for a time, by default as the service is set.

    Returns them. The service does it by itself now and then. Raises InvalidArgument (UNUSED_TOO_SHORT).
    """
    request = images_service_pb2.CollectImagesRequest(parent=workspace.resource_name, dry_run=dry_run)
    if unused is not None:
        duration = Duration()
        duration.FromTimedelta(unused)
        request.unused.CopyFrom(duration)
    found = workspace.connection.images.CollectImages(request).images
    return [Image(workspace, each) for each in found]
