"""Images, by the contract of the service that makes them. What was learnt of an image or a version is remembered."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from time import monotonic

import grpc

from orris.errors import Unavailable
from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as service
from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
from orris.names import WorkspaceName
from orris_kit.ray_versions import RayVersions
from orris_runs.bounded import Bounded
from orris_runs.builds import BuildResult
from orris_runs.checks import is_version
from orris_runs.model import Prepared

CONTRACT = service.DESCRIPTOR.services_by_name["ImageService"]
REMEMBERED = 1000
# A version gets another image when somebody has its packages chosen anew, an image another reference when it is made
# again: that is noticed after so many seconds.
FRESH_SECONDS = 10.0

_Build = images_pb2.Build


class ImagesClient:
    """The adapter."""

    def __init__(self, channel: grpc.aio.Channel, clock: Callable[[], float] = monotonic) -> None:
        self._stub = ImageServiceStub(channel)
        self._clock = clock
        self._images: Bounded[str, tuple[float, images_pb2.Image]] = Bounded(REMEMBERED)
        self._variables: Bounded[str, Mapping[str, str]] = Bounded(REMEMBERED)
        self._ready: Bounded[str, tuple[float, Prepared]] = Bounded(REMEMBERED)

    async def prepare(
        self, workspace: str, environment: str, image: str, cluster: RayVersions | None = None
    ) -> Prepared:
        """Return the image to run in, or the build that makes it; an environment gets the Ray of a `cluster`."""
        if image:
            return await self._given(environment, image)
        if cluster is not None:
            return await self._built(workspace, environment, cluster)
        known = self._ready.get(environment)
        if known is not None and self._clock() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            return await self._built(workspace, environment)
        except Unavailable:
            if known is None:
                raise
            return known[1]

    async def use(self, name: str) -> None:
        """Say that an image is in use: who asks for it, uses it."""
        await self._stub.GetImage(service.GetImageRequest(name=name))

    async def image(self, name: str) -> images_pb2.Image:
        """Return an image, with its lock."""
        known = self._images.get(name)
        if known is not None and self._clock() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            return await self._fetch(name)
        except Unavailable:
            if known is None:
                raise
            return known[1]

    async def read_log(self, build: str, offset: int) -> AsyncIterator[tuple[int, bytes]]:
        """Give a build's log from an offset (offset and bytes), as it grows, until the build has ended."""
        async for message in self._stub.ReadBuildLog(
            service.ReadBuildLogRequest(name=build, offset=offset, follow=True)
        ):
            yield message.offset, message.data

    async def result(self, build: str) -> BuildResult | None:
        """Return how a build ended; None while it goes on."""
        found = (await self._stub.GetBuild(service.GetBuildRequest(name=build))).build
        if found.state == _Build.STATE_SUCCEEDED:
            contained = bool((await self._fetch(found.image)).reference)
            return BuildResult(found.image, contained, warnings=list(found.warnings))
        if found.state == _Build.STATE_CANCELED:
            return BuildResult("", error="its build was canceled")
        if found.state == _Build.STATE_FAILED:
            return BuildResult("", error=found.error or "its build gave no reason", warnings=list(found.warnings))
        return None

    async def _fetch(self, name: str) -> images_pb2.Image:
        image = (await self._stub.GetImage(service.GetImageRequest(name=name))).image
        self._images.put(name, (self._clock(), image))
        return image

    async def _given(self, environment: str, image: str) -> Prepared:
        await self.image(image)
        if not environment:
            return Prepared(image=image)
        answer = await self._stub.GetEnvironment(service.GetEnvironmentRequest(name=environment))
        variables = dict(answer.environment.spec.environment_variables)
        return Prepared(answer.environment.name, image, variables=variables)

    async def _built(self, workspace: str, environment: str, cluster: RayVersions | None = None) -> Prepared:
        request = service.CreateBuildRequest(
            parent=str(WorkspaceName(workspace)),
            environment=environment,
            addition=_addition(cluster) if cluster else None,
        )
        build = (await self._stub.CreateBuild(request)).build
        prepared = Prepared(build.environment, variables=await self._variables_of(build.environment))
        if build.state != _Build.STATE_SUCCEEDED:
            return replace(prepared, build=build.name)
        prepared = replace(prepared, image=build.image, warnings=list(build.warnings))
        if is_version(environment) and cluster is None:
            self._ready.put(environment, (self._clock(), prepared))
        return prepared

    async def _variables_of(self, version: str) -> Mapping[str, str]:
        if (known := self._variables.get(version)) is not None:
            return known
        answer = await self._stub.GetEnvironment(service.GetEnvironmentRequest(name=version))
        variables = dict(answer.environment.spec.environment_variables)
        self._variables.put(version, variables)
        return variables


def _addition(cluster: RayVersions) -> service.CreateBuildRequest.Addition:
    return service.CreateBuildRequest.Addition(pip_packages=[cluster.requirement], python_version=cluster.python)
