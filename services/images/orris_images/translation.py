"""Messages of the contract that describe what the service keeps."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from orris.images.v1 import images_pb2 as pb
from orris.names import BuildName, EnvironmentVersionName, ImageName
from orris_images.lock import Lock
from orris_images.records import Build, Environment, Image
from orris_images.specification import message_of_curated


def environment_message(one: Environment) -> pb.Environment:
    """Return the message that describes a version of an environment."""
    return pb.Environment(
        name=str(EnvironmentVersionName(one.workspace, one.environment, one.version)),
        spec=message_of_curated(one.spec) if one.message is None else pb.EnvironmentSpec.FromString(one.message),
        spec_digest=one.spec.digest,
        image=_image_name(one.workspace, one.image),
        curated=one.curated,
        create_time=_timestamp(one.create_time),
    )


def build_message(build: Build) -> pb.Build:
    """Return the message that describes a build."""
    return pb.Build(
        name=str(BuildName(build.workspace, build.build)),
        environment=build.environment,
        state=pb.Build.State.ValueType(build.state),
        image=_image_name(build.workspace, build.image),
        cached=build.cached,
        error=build.error,
        warnings=build.warnings,
        progress_percent=build.progress_percent,
        progress=build.progress,
        create_time=_timestamp(build.create_time),
        start_time=_timestamp(build.start_time),
        end_time=_timestamp(build.end_time),
    )


def image_message(image: Image) -> pb.Image:
    """Return the message that describes an image."""
    return pb.Image(
        name=_image_name(image.workspace, image.image),
        lock=_lock_message(image.lock),
        warnings=image.lock.warnings,
        size=image.size,
        reference=image.reference,
        create_time=_timestamp(image.create_time),
        use_time=_timestamp(image.use_time),
        collect_time=_timestamp(image.collect_time),
        environments=image.environments,
        owners=image.owners,
    )


def _lock_message(lock: Lock) -> pb.Lock:
    return pb.Lock(
        python_version=lock.python_version,
        requested_python_version=lock.requested_python or "",
        platform=lock.platform,
        requirements=lock.requirements,
        packages=[pb.Package(name=name, version=version) for name, version in lock.packages],
        interpreter=lock.interpreter or "",
        conda_packages=[pb.CondaPackage(**asdict(package)) for package in lock.conda_packages],
        index_url=lock.index_url or "",
        extra_index_urls=lock.extra_index_urls,
        source_builds=lock.source_builds,
        base_image=lock.base_image or "",
    )


def _image_name(workspace: str, image: str) -> str:
    return str(ImageName(workspace, image)) if image else ""


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
