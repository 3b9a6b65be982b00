"""Have an image made again that its registry does not have any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orris.errors import FailedPrecondition
from orris.images.v1 import images_pb2 as images
from orris.images.v1 import images_service_pb2 as rpc
from orris_agent.reports import PASSING
from orris_agent.runtimes.port import NotNowError

if TYPE_CHECKING:
    from orris.images.v1.images_service_pb2_grpc import ImageServiceAsyncStub


class Restoring:
    """Asks the images service."""

    def __init__(self, stub: ImageServiceAsyncStub) -> None:
        self._stub = stub
        self._told: dict[str, int] = {}

    async def restore(self, name: str, log: Callable[[str], None]) -> str:
        """Have the image `name` made from its lock, telling the build's log; return its reference.

        Raises FailedPrecondition when it cannot be made, NotNowError while the service does not answer.
        """
        try:
            return await self._restore(name, log)
        except PASSING as problem:
            raise NotNowError(f"waits for the images service: {problem.message}", reason=problem.reason) from problem

    async def _restore(self, name: str, log: Callable[[str], None]) -> str:
        build = (await self._stub.RestoreImage(rpc.RestoreImageRequest(name=name))).build
        await self._follow(build.name, log)
        build = (await self._stub.GetBuild(rpc.GetBuildRequest(name=build.name))).build
        if build.state != images.Build.STATE_SUCCEEDED:
            message = f"The environment's image is gone, and could not be made again: {build.error}"
            raise FailedPrecondition(message, reason="IMAGE_NOT_RESTORED")
        return (await self._stub.GetImage(rpc.GetImageRequest(name=name))).image.reference

    async def _follow(self, build: str, log: Callable[[str], None]) -> None:
        """Tell a build's log from where an interrupted call left it."""
        offset = self._told.setdefault(build, 0)
        left = b""
        async for message in self._stub.ReadBuildLog(rpc.ReadBuildLogRequest(name=build, offset=offset, follow=True)):
            *lines, left = (left + message.data).split(b"\n")
            for line in lines:
                log(line.decode("utf-8", "replace"))
                self._told[build] += len(line) + 1
        if left:
            log(left.decode("utf-8", "replace"))
        del self._told[build]
