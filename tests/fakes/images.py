"""A service of images whose builds a test moves on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from orris.errors import NotFound
from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as pb
from orris.images.v1.images_service_pb2_grpc import ImageServiceServicer
from orris_kit.access import allow
from orris_kit.auth import Role

IMAGE = "workspaces/default/images/i1"
READY = "workspaces/default/environments/ready/versions/1"
COLD = "workspaces/default/environments/cold/versions/1"

services = allow(Role.SERVICE)


@dataclass
class Build:
    """A build under way: its log so far, and how it ended."""

    message: images_pb2.Build
    log: bytes = b""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, text: bytes) -> None:
        self.log += text
        self.changed.set()

    def end(self, *, image: str = "", error: str = "", warnings: tuple[str, ...] = ()) -> None:
        state = images_pb2.Build.STATE_SUCCEEDED if image else images_pb2.Build.STATE_FAILED
        self.message.MergeFrom(images_pb2.Build(state=state, image=image, error=error, warnings=warnings))
        self.changed.set()

    @property
    def ended(self) -> bool:
        return self.message.state in (images_pb2.Build.STATE_SUCCEEDED, images_pb2.Build.STATE_FAILED)


class FakeImages(ImageServiceServicer):
    """The environment `ready` has an image; that of `cold` is built when a test says so. `calls` counts by method."""

    def __init__(self) -> None:
        self.builds: dict[str, Build] = {}
        self.calls: Counter[str] = Counter()
        self.lost_images: set[str] = set()
        self.reference = ""
        self.additions: list[pb.CreateBuildRequest.Addition] = []
        self.conflict: Exception | None = None

    def build(self) -> Build:
        """The newest build."""
        return list(self.builds.values())[-1]

    @services
    async def CreateBuild(self, request: pb.CreateBuildRequest, context: Any) -> pb.CreateBuildResponse:
        self.calls["CreateBuild"] += 1
        if request.environment not in (READY, COLD):
            raise NotFound("no such environment", reason="ENVIRONMENT_NOT_FOUND")
        if request.HasField("addition"):
            self.additions.append(request.addition)
            if self.conflict is not None:
                raise self.conflict
        under_way = [each for each in self.builds.values() if not each.ended]
        if request.environment == COLD and under_way:
            return pb.CreateBuildResponse(build=under_way[0].message)
        name = f"workspaces/default/builds/b{len(self.builds)}"
        message = images_pb2.Build(name=name, environment=request.environment)
        build = self.builds[name] = Build(message)
        if request.environment == READY:
            build.end(image=IMAGE)
        return pb.CreateBuildResponse(build=message)

    @services
    async def GetBuild(self, request: pb.GetBuildRequest, context: Any) -> pb.GetBuildResponse:
        return pb.GetBuildResponse(build=self._find(request.name).message)

    @services
    async def ReadBuildLog(
        self, request: pb.ReadBuildLogRequest, context: Any
    ) -> AsyncIterator[pb.ReadBuildLogResponse]:
        build, offset = self._find(request.name), request.offset
        while True:
            build.changed.clear()
            data, end = build.log[offset:], build.ended
            if data or end:
                yield pb.ReadBuildLogResponse(offset=offset, data=data, end=end)
            offset += len(data)
            if end:
                return
            await build.changed.wait()

    @services
    async def GetEnvironment(self, request: pb.GetEnvironmentRequest, context: Any) -> pb.GetEnvironmentResponse:
        self.calls["GetEnvironment"] += 1
        spec = images_pb2.EnvironmentSpec(environment_variables={"FROM_ENVIRONMENT": "yes"})
        return pb.GetEnvironmentResponse(environment=images_pb2.Environment(name=request.name, spec=spec))

    @services
    async def GetImage(self, request: pb.GetImageRequest, context: Any) -> pb.GetImageResponse:
        self.calls["GetImage"] += 1
        if request.name in self.lost_images or not request.name.endswith("/i1"):
            raise NotFound("no such image", reason="IMAGE_NOT_FOUND")
        lock = images_pb2.Lock(python_version="3.11.7", requirements="scikit-learn==1.5.2")
        return pb.GetImageResponse(image=images_pb2.Image(name=request.name, lock=lock, reference=self.reference))

    @allow(Role.SERVICE)
    async def CreateEnvironment(self, request: Any, context: Any) -> Any:
        raise NotImplementedError

    ListEnvironments = ListBuilds = CancelBuild = ListImages = CreateEnvironment
    RestoreImage = DeleteImage = SetReference = DeleteReference = CollectImages = CreateEnvironment

    def _find(self, name: str) -> Build:
        if name not in self.builds:
            raise NotFound("no such build", reason="BUILD_NOT_FOUND")
        return self.builds[name]
