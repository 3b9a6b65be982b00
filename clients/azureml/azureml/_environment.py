"""Environments, with Azure's sections."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml._conda_dependencies import CondaDependencies
from azureml._environment_sections import DockerSection, PythonSection
from azureml._errors import translated
from azureml._placeholder import Refusing, refuse_given
from orris.sdk import build as sdk_build
from orris.sdk import environment as sdk

if TYPE_CHECKING:
    from orris.images.v1.images_pb2 import EnvironmentSpec
    from orris.sdk.workspace import Workspace


@translated()
class ImageBuildDetails(sdk_build.Build):
    """The making of an environment; `wait_for_completion(show_output=True)` prints its log as it grows."""


@translated()
class Environment(Refusing):
    """Packages under a name: `python` says which, `environment_variables` what every run in it gets.

    `docker` is kept for who sets it; images are not used.
    """

    _lacking = """add_private_pip_wheel build_local from_docker_build_context from_docker_image from_dockerfile
    from_existing_conda_environment get_image_details load_from_directory r save_to_directory"""

    def __init__(self, name: str, **_options: Any) -> None:
        self._given: sdk.Environment | None = None
        self._take(sdk.Environment(name))
        self._given = None

    def _take(self, given: sdk.Environment) -> None:
        self.name = given.name
        self._given = given
        self.python = PythonSection(lambda: CondaDependencies() if self._given is None else conda_of(self._given.spec))
        self.docker = DockerSection()
        self.environment_variables = dict(given.environment_variables)
        self.inferencing_stack_version: str | None = None
        self.spark: Any = None

    @classmethod
    def _of(cls, given: sdk.Environment) -> Environment:
        environment = cls.__new__(cls)
        environment._take(given)
        return environment

    @classmethod
    def from_conda_specification(cls, name: str, file_path: str | Path) -> Environment:
        """Return the environment that a conda file describes."""
        return cls._of(sdk.Environment.from_conda_specification(name, file_path))

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | Path, pip_version: str | None = None) -> Environment:
        """Return the environment that a requirements file describes."""
        return cls._of(sdk.Environment.from_pip_requirements(name, file_path))

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: str | None = None, label: str | None = None) -> Environment:
        """Return a registered or curated environment, by default its latest version."""
        refuse_given("Environment.get", label=None if label == "latest" else label)
        return cls._of(sdk.Environment.get(workspace, name, None if version is None else str(version)))

    @classmethod
    def list(cls, workspace: Workspace) -> dict[str, Environment]:
        """Return the latest version of each environment by name."""
        return {each.name: cls._of(each) for each in sdk.Environment.list(workspace)}

    @property
    def version(self) -> str | None:
        """The registered version; None before it is registered."""
        return self._given.version if self._given else None

    @property
    def described(self) -> bool:
        """Whether anything was said about packages or interpreter."""
        return self._given is not None or self.python.user_managed_dependencies or self.python.changed

    def clone(self, new_name: str) -> Environment:
        """Return a copy under another name."""
        return self._of(sdk.Environment.from_conda_text(new_name, self.python.conda_dependencies.serialize_to_string()))

    def register(self, workspace: Workspace) -> Environment:
        """Register it, which makes a new version if the latest one says otherwise; return itself."""
        self.registered(workspace)
        return self

    def build(self, workspace: Workspace, image_build_compute: str | None = None) -> ImageBuildDetails:
        """Have it made now rather than by the first run that needs it."""
        build = self.registered(workspace).build(workspace)
        return ImageBuildDetails(build.workspace, build.message)

    def registered(self, workspace: Workspace) -> sdk.Environment:
        """Return the environment as Orris knows it, registered as it is now."""
        if ignored := self.docker.ignored:
            message = f"environment {self.name}: docker.{ignored} is not used; name what it contains as packages"
            warnings.warn(message, stacklevel=2)
        self._given = self.to_orris().ensure_registered(workspace)
        return self._given

    def to_orris(self) -> sdk.Environment:
        """Return what Orris is asked for."""
        if self.python.user_managed_dependencies:
            path = self.python.interpreter_path
            asked = sdk.Environment.from_existing_interpreter(self.name, sys.executable if path == "python" else path)
        elif self._given is None or self._given.name != self.name or self.python.changed:
            asked = sdk.Environment.from_conda_text(self.name, self.python.conda_dependencies.serialize_to_string())
        else:
            asked = self._given
        asked.environment_variables = {key: str(value) for key, value in self.environment_variables.items()}
        return asked

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"


def conda_of(spec: EnvironmentSpec) -> CondaDependencies:
    """Return a specification of any form as conda dependencies."""
    source = spec.WhichOneof("source")
    if source == "conda_yaml":
        return CondaDependencies.from_text(spec.conda_yaml)
    if source == "requirements":
        lines = [line.partition(" #")[0].strip() for line in spec.requirements.splitlines()]
        made = CondaDependencies.create(pip_packages=[line for line in lines if line and not line.startswith("#")])
        python = spec.python_version
    else:
        packages = spec.packages
        made = CondaDependencies.create(pip_packages=packages.pip_packages, conda_packages=packages.conda_packages)
        for channel in packages.conda_channels:
            made.add_channel(channel)
        python = packages.python_version
    if python:
        made.set_python_version(python)
    return made
