"""An environment: the packages a script needs, under a name and a version."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import InvalidArgument
from orris.images.v1 import images_pb2, images_service_pb2
from orris.names import EnvironmentName, EnvironmentVersionName, check_id, parse_environment
from orris.sdk.paging import pages

if TYPE_CHECKING:
    from orris.sdk.build import Build
    from orris.sdk.workspace import Workspace


class Environment:
    """Packages named in code; other ways to say what is needed are the `from_…` methods.

    `pip_packages` are PEP 508 requirements, `conda_packages` conda's, `python_version` may be empty: the one Orris runs
    with. All of them may be changed; a change after the environment was registered or submitted makes a new version.
    """

    def __init__(
        self,
        name: str,
        *,
        pip_packages: Iterable[str] = (),
        conda_packages: Iterable[str] = (),
        conda_channels: Iterable[str] = (),
        python_version: str = "",
        environment_variables: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> None:
        self.name = check_id("environment", name)
        self.pip_packages = list(pip_packages)
        self.conda_packages = list(conda_packages)
        self.conda_channels = list(conda_channels)
        self.python_version = python_version
        self.environment_variables = dict(environment_variables or {})
        self.strict = strict
        self._given: images_pb2.EnvironmentSpec | None = None
        self._message: images_pb2.Environment | None = None

    @classmethod
    def from_conda_specification(cls, name: str, file_path: str | Path) -> Environment:
        """Return the environment that a conda file (YAML) describes. Raises InvalidArgument when it cannot be read."""
        return cls.from_conda_text(name, _text(file_path))

    @classmethod
    def from_conda_text(cls, name: str, text: str) -> Environment:
        """Return the environment that the text of a conda file (YAML) describes."""
        return cls._of(name, images_pb2.EnvironmentSpec(conda_yaml=text))

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | Path, python_version: str = "") -> Environment:
        """Return the environment that a requirements file describes. Raises InvalidArgument when it cannot be read."""
        spec = images_pb2.EnvironmentSpec(requirements=_text(file_path), python_version=python_version)
        return cls._of(name, spec)

    @classmethod
    def from_existing_interpreter(cls, name: str, interpreter: str | Path) -> Environment:
        """Return the environment of a Python that you look after, by its path on the machine that executes the run."""
        path = str(interpreter)
        return cls._of(
            name, images_pb2.EnvironmentSpec(user_managed=images_pb2.EnvironmentSpec.UserManaged(interpreter=path))
        )

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: str | None = None) -> Environment:
        """Return a registered or curated environment, by default its latest version. Raises NotFound."""
        reference = cls.reference(workspace, name if version is None else f"{name}:{version}")
        request = images_service_pb2.GetEnvironmentRequest(name=reference)
        return cls.from_message(workspace.connection.images.GetEnvironment(request).environment)

    @classmethod
    def list(cls, workspace: Workspace, name: str | None = None) -> list[Environment]:
        """Return the latest version of each environment by name, or all versions of one, newest first."""
        parent = cls.reference(workspace, name) if name else workspace.resource_name
        request = images_service_pb2.ListEnvironmentsRequest(parent=parent)
        found = pages(workspace.connection.images.ListEnvironments, request, lambda page: page.environments)
        return [cls.from_message(each) for each in found]

    @classmethod
    def from_message(cls, message: images_pb2.Environment) -> Environment:
        """Return the environment that a server described."""
        environment = cls._of(parse_environment(message.name).environment, message.spec)
        environment._message = message
        return environment

    @staticmethod
    def reference(workspace: Workspace, text: str) -> str:
        """Return the resource name of `NAME` or `NAME:VERSION`."""
        name, colon, version = text.rpartition(":")
        if colon:
            return str(EnvironmentVersionName(workspace.name, name, version))
        return str(EnvironmentName(workspace.name, text))

    @property
    def resource_name(self) -> str:
        """The registered version's resource name; empty before it is registered."""
        return self._message.name if self._message else ""

    @property
    def version(self) -> str | None:
        """The registered version; None before it is registered."""
        parsed = parse_environment(self._message.name) if self._message else None
        return getattr(parsed, "version", None)

    @property
    def image(self) -> str:
        """The image of the latest successful build, as last seen; empty before the first."""
        return self._message.image if self._message else ""

    @property
    def curated(self) -> bool:
        """Whether it comes with Orris."""
        return bool(self._message and self._message.curated)

    @property
    def spec(self) -> images_pb2.EnvironmentSpec:
        """What is asked for, as it is sent."""
        spec = images_pb2.EnvironmentSpec()
        if self._given is not None:
            spec.CopyFrom(self._given)
        else:
            spec.packages.CopyFrom(
                images_pb2.EnvironmentSpec.Packages(
                    python_version=self.python_version,
                    pip_packages=self.pip_packages,
                    conda_packages=self.conda_packages,
                    conda_channels=self.conda_channels,
                )
            )
        spec.strict = self.strict
        spec.environment_variables.clear()
        spec.environment_variables.update(self.environment_variables)
        return spec

    def register(self, workspace: Workspace) -> Environment:
        """Register it, which makes a new version if the latest one says otherwise; return itself.

        Raises InvalidArgument when the specification cannot be read.
        """
        request = images_service_pb2.CreateEnvironmentRequest(
            parent=workspace.resource_name, environment_id=self.name, spec=self.spec, request_id=uuid.uuid4().hex
        )
        self._message = workspace.connection.images.CreateEnvironment(request).environment
        return self

    def ensure_registered(self, workspace: Workspace) -> Environment:
        """Register it unless it is registered in the workspace just as it is now; return itself."""
        known = self._message
        here = known is not None and known.name.startswith(f"{workspace.resource_name}/")
        return self if here and known is not None and known.spec == self.spec else self.register(workspace)

    def build(self, workspace: Workspace, *, refresh: bool = False) -> Build:
        """Ask for its image and return the build, at once. `refresh` chooses versions anew where a lock exists."""
        from orris.sdk.build import Build

        request = images_service_pb2.CreateBuildRequest(
            parent=workspace.resource_name,
            environment=self.ensure_registered(workspace).resource_name,
            refresh=refresh,
            request_id=uuid.uuid4().hex,
        )
        return Build(workspace, workspace.connection.images.CreateBuild(request).build)

    @classmethod
    def _of(cls, name: str, spec: images_pb2.EnvironmentSpec) -> Environment:
        environment = cls(name, environment_variables=spec.environment_variables, strict=spec.strict)
        if spec.WhichOneof("source") == "packages":
            environment.python_version = spec.packages.python_version
            environment.pip_packages = list(spec.packages.pip_packages)
            environment.conda_packages = list(spec.packages.conda_packages)
            environment.conda_channels = list(spec.packages.conda_channels)
        else:
            environment._given = spec
        return environment

    def __repr__(self) -> str:
        return f"Environment(name={self.name!r}, version={self.version!r})"


def _text(file_path: str | Path) -> str:
    try:
        return Path(file_path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"file_path: {file_path} cannot be read: {error}", field="file_path") from error
