"""Between the messages of the contract and what the service keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from orris.errors import FieldViolation, InvalidArgument
from orris.images.v1 import images_pb2 as pb
from orris.names import BuildName, EnvironmentVersionName, ImageName
from orris_images import pep508, requirements
from orris_images.conda import parse_conda
from orris_images.conda_names import MatchSpec
from orris_images.lock import Lock
from orris_images.records import Build, Environment, Image
from orris_images.requirements import Requirements
from orris_images.spec import Spec, variables

MESSAGE_LIMIT = 1024 * 1024

# Gives the spec of an image (its resource name) with more packages.
Overlaying = Callable[[str, Sequence[str]], Spec]


def spec_from(message: pb.EnvironmentSpec, overlay: Overlaying) -> Spec:
    """Return what a specification means; variables named in a conda file are added to those of `message`.

    Raises InvalidArgument (INVALID_SPEC) that names the field, and what `overlay` raises.
    """
    source = message.WhichOneof("source")
    with _invalid_spec():
        if message.ByteSize() > MESSAGE_LIMIT:
            raise InvalidArgument("the specification is larger than 1 MiB", field="spec")
        if source is None:
            text = (
                "spec says not where the packages are; set conda_yaml, requirements, packages, user_managed or overlay"
            )
            raise InvalidArgument(text, field="spec")
        if message.python_version and source != "requirements":
            text = f"python_version is for `requirements`; {source} has its own place for it"
            raise InvalidArgument(text, field="python_version")
        if source == "conda_yaml":
            return _from_conda(message)
        given = variables(message.environment_variables)
        if source == "requirements":
            found = requirements.parse(message.requirements, "spec.requirements")
            return _of(found, message.python_version, environment_variables=given, strict=message.strict)
        if source == "packages":
            return _from_packages(message.packages, given, message.strict)
        if source == "user_managed":
            if not message.user_managed.interpreter:
                raise InvalidArgument(
                    "user_managed.interpreter is empty; give its path", field="user_managed.interpreter"
                )
            return Spec(interpreter=message.user_managed.interpreter, environment_variables=given)
        base = overlay(message.overlay.image, overlay_packages(message.overlay))
        return replace(base, environment_variables=given)


def overlay_packages(message: pb.EnvironmentSpec.Overlay) -> list[str]:
    """Return the packages to add to an image, in canonical form. Raises InvalidArgument (INVALID_SPEC)."""
    with _invalid_spec():
        return [pep508.canonical(each, f"overlay.pip_packages[{n}]") for n, each in enumerate(message.pip_packages)]


def environment_message(one: Environment) -> pb.Environment:
    """Return the message that describes a version of an environment."""
    return pb.Environment(
        name=str(EnvironmentVersionName(one.workspace, one.environment, one.version)),
        spec=_of_curated(one.spec) if one.message is None else pb.EnvironmentSpec.FromString(one.message),
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
        create_time=_timestamp(image.create_time),
    )


def _from_conda(message: pb.EnvironmentSpec) -> Spec:
    spec = parse_conda(message.conda_yaml, "spec.conda_yaml", strict=message.strict)
    for name, value in spec.environment_variables:
        if name not in message.environment_variables:
            message.environment_variables[name] = value
    return replace(spec, environment_variables=variables(message.environment_variables))


def _from_packages(
    given: pb.EnvironmentSpec.Packages, environment_variables: tuple[tuple[str, str], ...], strict: bool
) -> Spec:
    found, python, conda = Requirements(), given.python_version, []
    for number, line in enumerate(given.pip_packages):
        requirements.read_line(line.strip(), f"spec.packages.pip_packages[{number}]", found)
    for number, text in enumerate(given.conda_packages):
        match = MatchSpec.parse(text, f"spec.packages.conda_packages[{number}]")
        if match.name == "python":
            python = python or match.versions
        else:
            conda.append(match.text)
    return _of(
        found,
        python,
        conda_packages=tuple(conda),
        channels=tuple(given.conda_channels),
        environment_variables=environment_variables,
        strict=strict,
    )


def _of(found: Requirements, python: str, **rest: object) -> Spec:
    return Spec(
        packages=tuple(found.packages),
        python=python or None,
        index_url=found.index_url,
        extra_index_urls=tuple(found.extra_index_urls),
        **rest,  # type: ignore[arg-type]
    )


def _of_curated(spec: Spec) -> pb.EnvironmentSpec:
    packages = pb.EnvironmentSpec.Packages(python_version=spec.python or "", pip_packages=spec.packages)
    return pb.EnvironmentSpec(packages=packages, strict=spec.strict)


def _lock_message(lock: Lock) -> pb.Lock:
    return pb.Lock(
        python_version=lock.python_version,
        requested_python_version=lock.requested_python or "",
        platform=lock.platform,
        requirements=lock.requirements,
        packages=[pb.Package(name=name, version=version) for name, version in lock.packages],
        interpreter=lock.interpreter or "",
    )


@contextmanager
def _invalid_spec() -> Iterator[None]:
    """Give errors the reason of the contract, and fields their place in the request."""
    try:
        yield
    except InvalidArgument as error:
        places = [FieldViolation(_place(one.field), one.description) for one in error.violations]
        raise InvalidArgument(error.message, violations=places, reason="INVALID_SPEC") from error


def _place(field: str) -> str:
    return field if field.startswith(("spec", "overlay")) else f"spec.{field}"


def _image_name(workspace: str, image: str) -> str:
    return str(ImageName(workspace, image)) if image else ""


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
