"""Environments in memory; a build is done when it is asked for, unless a test holds it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.images.v1 import images_pb2, images_service_pb2
from orris.images.v1.images_service_pb2_grpc import ImageServiceServicer

CURATED = ("orris-sklearn",)

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_ImageServiceServicer: Any = ImageServiceServicer


class FakeImages(_ImageServiceServicer):
    def __init__(self) -> None:
        self.environments: dict[str, list[images_pb2.Environment]] = {}
        self.builds: dict[str, images_pb2.Build] = {}
        self.log = b"resolving\ninstalling\n"
        self.build_error = self.overlay_error = ""
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.deleted: set[str] = set()

    def CreateEnvironment(self, request: Any, context: Any) -> Any:
        versions = self._versions(f"{request.parent}/environments/{request.environment_id}")
        if not versions or versions[-1].spec != request.spec:
            name = f"{request.parent}/environments/{request.environment_id}/versions/{len(versions) + 1}"
            versions.append(images_pb2.Environment(name=name, spec=request.spec))
        return images_service_pb2.CreateEnvironmentResponse(environment=versions[-1])

    def GetEnvironment(self, request: Any, context: Any) -> Any:
        return images_service_pb2.GetEnvironmentResponse(environment=self.find(request.name))

    def ListEnvironments(self, request: Any, context: Any) -> Any:
        if "/environments/" in request.parent:
            found = self._versions(request.parent)[::-1]
        else:
            found = [versions[-1] for name, versions in sorted(self.environments.items()) if versions]
        return images_service_pb2.ListEnvironmentsResponse(environments=found)

    def CreateBuild(self, request: Any, context: Any) -> Any:
        environment = self.find(request.environment)
        if environment.spec.strict:
            raise FailedPrecondition("Python 3.8 is not on this machine", reason="INTERPRETER_NOT_FOUND")
        return images_service_pb2.CreateBuildResponse(build=self._add(request.parent, environment.name))

    def GetBuild(self, request: Any, context: Any) -> Any:
        build = self._build(request.name)
        if self.may_finish.is_set() and build.state != images_pb2.Build.STATE_CANCELED:
            self._finish(build)
        return images_service_pb2.GetBuildResponse(build=build)

    def ReadBuildLog(self, request: Any, context: Any) -> Iterator[Any]:
        build = self._build(request.name)
        for start in range(request.offset, len(self.log), 8):
            yield images_service_pb2.ReadBuildLogResponse(offset=start, data=self.log[start : start + 8])
        while not self.may_finish.wait(0.02):
            if not request.follow or not context.is_active():
                return
        self._finish(build)
        yield images_service_pb2.ReadBuildLogResponse(offset=len(self.log), end=True)

    def ListBuilds(self, request: Any, context: Any) -> Any:
        return images_service_pb2.ListBuildsResponse(builds=list(self.builds.values())[::-1])

    def CancelBuild(self, request: Any, context: Any) -> Any:
        build = self._build(request.name)
        if build.state != images_pb2.Build.STATE_SUCCEEDED:
            build.state = images_pb2.Build.STATE_CANCELED
        return images_service_pb2.CancelBuildResponse(build=build)

    def GetImage(self, request: Any, context: Any) -> Any:
        return images_service_pb2.GetImageResponse(image=self._image(request.name))

    def ListImages(self, request: Any, context: Any) -> Any:
        names = [each.image for each in self.builds.values() if each.image and each.image not in self.deleted]
        return images_service_pb2.ListImagesResponse(images=[self._image(name) for name in names])

    def DeleteImage(self, request: Any, context: Any) -> Any:
        self._image(request.name)
        self.deleted.add(request.name)
        return images_service_pb2.DeleteImageResponse()

    def CollectImages(self, request: Any, context: Any) -> Any:
        if request.HasField("unused") and request.unused.ToSeconds() < 7200:
            raise InvalidArgument("unused: give 2 hours at least", field="unused", reason="UNUSED_TOO_SHORT")
        found = self.ListImages(request, context).images
        if not request.dry_run:
            self.deleted |= {each.name for each in found}
        return images_service_pb2.CollectImagesResponse(images=found)

    def add_overlay(self, image: str) -> images_pb2.Build:
        """Add the build of an image with more packages."""
        self._image(image)
        return self._add(image.partition("/images/")[0], "")

    def _add(self, parent: str, environment: str) -> images_pb2.Build:
        name = f"{parent}/builds/b{len(self.builds) + 1}"
        build = images_pb2.Build(name=name, environment=environment, state=images_pb2.Build.STATE_QUEUED)
        self.builds[name] = build
        return build

    def find(self, name: str) -> images_pb2.Environment:
        base, _, version = name.partition("/versions/")
        versions = self._versions(base)
        if not versions or (version and int(version) > len(versions)):
            raise NotFound(f"no environment {base.rpartition('/')[2]}", reason="ENVIRONMENT_NOT_FOUND")
        return versions[int(version) - 1] if version else versions[-1]

    def _versions(self, name: str) -> list[images_pb2.Environment]:
        versions = self.environments.setdefault(name, [])
        if not versions and name.rpartition("/")[2] in CURATED:
            spec = images_pb2.EnvironmentSpec(
                packages=images_pb2.EnvironmentSpec.Packages(pip_packages=["scikit-learn"])
            )
            versions.append(images_pb2.Environment(name=f"{name}/versions/1", spec=spec, curated=True))
        return versions

    def _image(self, name: str) -> images_pb2.Image:
        build = next((each for each in self.builds.values() if each.image == name), None)
        if name in self.deleted or build is None:
            raise NotFound(f"no image {name}", reason="IMAGE_NOT_FOUND")
        lock = images_pb2.Lock(
            python_version="3.11.7",
            platform="linux-x86_64",
            packages=[images_pb2.Package(name="scikit-learn", version="1.5.2")],
        )
        reference = f"registry.lab:5000/orris@sha256:{'a' * 64}"
        owners = ["workspaces/lab/models/iris/versions/3"]
        image = images_pb2.Image(name=name, lock=lock, size=250_000_000, reference=reference, owners=owners)
        image.environments.append(build.environment)
        return image

    def _build(self, name: str) -> images_pb2.Build:
        if name not in self.builds:
            raise NotFound(f"no build {name}", reason="BUILD_NOT_FOUND")
        return self.builds[name]

    def _finish(self, build: images_pb2.Build) -> None:
        if error := self.build_error if build.environment else self.overlay_error:
            build.state, build.error = images_pb2.Build.STATE_FAILED, error
            return
        build.state = images_pb2.Build.STATE_SUCCEEDED
        build.image = build.name.replace("/builds/", "/images/image-of-")
        if build.environment:
            self.find(build.environment).image = build.image
