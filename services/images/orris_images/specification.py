"""From the specification of a request to what it means, and back where nobody sent one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from orris.errors import FieldViolation, InvalidArgument
from orris.images.v1 import images_pb2 as pb
from orris.images.v1 import images_service_pb2 as service
from orris.names import TreeName
from orris_images import pep508, requirements
from orris_images.adding import Addition
from orris_images.conda import parse_conda
from orris_images.conda_names import MatchSpec
from orris_images.container import DEFAULT_INTERPRETER, Dockerfile
from orris_images.quoting import without_credentials
from orris_images.requirements import Requirements
from orris_images.spec import Spec, variables

MESSAGE_LIMIT = 1024 * 1024
SOURCES = "conda_yaml, requirements, packages, user_managed, overlay or dockerfile"

# Gives the spec of an image (its resource name) with more packages.
Overlaying = Callable[[str, Sequence[str]], Spec]


def spec_from(message: pb.EnvironmentSpec, workspace: str, overlay: Overlaying) -> Spec:
    """Return what a specification means; variables named in a conda file are added to those of `message`.

    Raises InvalidArgument (INVALID_SPEC) that names the field, and what `overlay` raises.
    """
    with _invalid_spec():
        _check(message)
        spec = _from_source(message, workspace, overlay)
        if not message.base_image:
            return spec
        return replace(spec, base_image=message.base_image)


def overlay_packages(message: pb.EnvironmentSpec.Overlay) -> list[str]:
    """Return the packages to add to an image, in canonical form. Raises InvalidArgument (INVALID_SPEC)."""
    with _invalid_spec():
        return [pep508.canonical(each, f"overlay.pip_packages[{n}]") for n, each in enumerate(message.pip_packages)]


def addition_of(message: service.CreateBuildRequest.Addition) -> Addition:
    """Return what an environment gets besides. Raises InvalidArgument (INVALID_SPEC)."""
    with _invalid_spec():
        return Addition(tuple(message.pip_packages), message.python_version)


def message_of_curated(spec: Spec) -> pb.EnvironmentSpec:
    """Return the specification that a curated environment would have been registered with."""
    packages = pb.EnvironmentSpec.Packages(python_version=spec.python or "", pip_packages=spec.packages)
    return pb.EnvironmentSpec(packages=packages, strict=spec.strict)


def _check(message: pb.EnvironmentSpec) -> None:
    source = message.WhichOneof("source")
    if message.ByteSize() > MESSAGE_LIMIT:
        raise InvalidArgument("the specification is larger than 1 MiB", field="spec")
    if source is None:
        raise InvalidArgument(f"spec says not where the packages are; set {SOURCES}", field="spec")
    if message.python_version and source != "requirements":
        text = f"python_version is for `requirements`; {source} has its own place for it"
        raise InvalidArgument(text, field="python_version")
    if message.base_image and source == "overlay":
        raise InvalidArgument("base_image: an overlay is put on what its image is based on", field="base_image")


def _from_source(message: pb.EnvironmentSpec, workspace: str, overlay: Overlaying) -> Spec:
    source, strict = message.WhichOneof("source"), message.strict
    if source == "conda_yaml":
        return _from_conda(message)
    given = variables(message.environment_variables)
    if source == "requirements":
        found = requirements.parse(message.requirements, "spec.requirements")
        return _of(found, message.python_version, environment_variables=given, strict=strict)
    if source == "packages":
        return _from_packages(message.packages, given, strict)
    if source == "user_managed":
        if not message.user_managed.interpreter:
            text = "user_managed.interpreter is empty; give its path"
            raise InvalidArgument(text, field="user_managed.interpreter")
        return Spec(interpreter=message.user_managed.interpreter, environment_variables=given)
    if source == "dockerfile":
        return Spec(dockerfile=_dockerfile(message.dockerfile, workspace), environment_variables=given)
    base = overlay(message.overlay.image, overlay_packages(message.overlay))
    return replace(base, environment_variables=given)


def _dockerfile(message: pb.EnvironmentSpec.Dockerfile, workspace: str) -> Dockerfile:
    made = Dockerfile(message.text, message.context, message.interpreter or DEFAULT_INTERPRETER)
    if made.context and TreeName.parse(made.context).workspace != workspace:
        text = f"dockerfile.context is of another workspace than {workspace!r}"
        raise InvalidArgument(text, field="dockerfile.context")
    return made


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


@contextmanager
def _invalid_spec() -> Iterator[None]:
    """Give errors the reason of the contract, and fields their place in the request."""
    try:
        yield
    except InvalidArgument as error:
        places = [FieldViolation(_place(one.field), without_credentials(one.description)) for one in error.violations]
        message = without_credentials(error.message)
        raise InvalidArgument(message, violations=places, reason="INVALID_SPEC") from None


def _place(field: str) -> str:
    return field if field.startswith(("spec", "overlay", "addition")) else f"spec.{field}"
