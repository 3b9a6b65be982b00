"""Environments, with Azure's sections."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from azureml._conda_dependencies import CondaDependencies
from azureml._environment_sections import ContainerRegistry, DockerSection, PythonSection
from azureml._environment_spec import PRIVATE_WHEEL, conda_of, described, fill_sections
from azureml._errors import translated
from azureml._image_details import DockerImageDetails, image_details
from azureml._placeholder import Refusing, refuse, refuse_given
from orris.sdk import build as sdk_build
from orris.sdk import environment as sdk
from orris.sdk.dockerfile import dockerfile_text

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


@translated()
class ImageBuildDetails(sdk_build.Build):
    """The making of an environment; `wait_for_completion(show_output=True)` prints its log as it grows."""


@translated()
class Environment(Refusing):
    """Packages under a name: `python` says which, `environment_variables` what every run in it gets.

    `docker` says what they are put on, where the instance makes container images.
    """

    _lacking = """from_docker_build_context from_existing_conda_environment load_from_directory r
    save_to_directory"""

    _given: sdk.Environment | None

    def __init__(self, name: str, **_options: Any) -> None:
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
        fill_sections(given.spec, self.python, self.docker)
        self._taken = self._sections

    @property
    def _sections(self) -> tuple[object, ...]:
        """What of the sections, the packages apart, changes what is asked for."""
        docker, python = self.docker, self.python
        return docker.image, docker.base_dockerfile, python.user_managed_dependencies, python.interpreter_path

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
    def from_dockerfile(
        cls,
        name: str,
        dockerfile: str | Path,
        conda_specification: str | Path | None = None,
        pip_requirements: str | Path | None = None,
    ) -> Environment:
        """Return the environment of a Dockerfile (its text, or a file), with more packages where they are given."""
        made = cls(name)
        made.docker.base_image, made.docker.base_dockerfile = None, dockerfile_text(dockerfile)
        return made._with_packages(conda_specification, pip_requirements)

    @classmethod
    def from_docker_image(
        cls,
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | Path | None = None,
        pip_requirements: str | Path | None = None,
    ) -> Environment:
        """Return the environment of a container image, with more packages where they are given."""
        made = cls(name)
        made.docker.base_image = image
        made.docker.base_image_registry = container_registry or ContainerRegistry()
        return made._with_packages(conda_specification, pip_requirements)

    def _with_packages(self, conda: str | Path | None, pip: str | Path | None) -> Environment:
        if conda is not None:
            self.python.conda_dependencies = CondaDependencies(conda)
        elif pip is not None:
            lines = sdk.Environment.from_pip_requirements(self.name, pip).spec
            self.python.conda_dependencies = conda_of(lines)
        else:
            self.python.user_managed_dependencies = True
        return self

    @staticmethod
    def add_private_pip_wheel(workspace: Workspace, file_path: str | Path, exist_ok: bool = False) -> NoReturn:
        """Say how packages of one's own are installed."""
        refuse("Environment.add_private_pip_wheel", PRIVATE_WHEEL)

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
        return self._given is not None or self.python.changed or self._sections != self._taken

    def clone(self, new_name: str) -> Environment:
        """Return a copy under another name."""
        copied = type(self)(new_name)
        copied.python.conda_dependencies = CondaDependencies.from_text(
            self.python.conda_dependencies.serialize_to_string()
        )
        copied.python.user_managed_dependencies = self.python.user_managed_dependencies
        copied.python.interpreter_path = self.python.interpreter_path
        copied.docker = replace(self.docker)
        copied.environment_variables = dict(self.environment_variables)
        return copied

    def register(self, workspace: Workspace) -> Environment:
        """Register it, which makes a new version if the latest one says otherwise; return itself."""
        self.registered(workspace)
        return self

    def build(self, workspace: Workspace, image_build_compute: str | None = None) -> ImageBuildDetails:
        """Have it made now rather than by the first run that needs it."""
        build = self.registered(workspace).build(workspace)
        return ImageBuildDetails(build.workspace, build.message)

    def build_local(self, workspace: Workspace, platform: Any = None, **_options: Any) -> ImageBuildDetails:
        """Have it made and print the log: Orris makes the same image wherever that is asked for."""
        details = self.build(workspace)
        details.wait_for_completion(show_output=True)
        return details

    def get_image_details(self, workspace: Workspace) -> DockerImageDetails:
        """Return what is known of its image, which is there once it was built."""
        return image_details(workspace, self.registered(workspace))

    def registered(self, workspace: Workspace) -> sdk.Environment:
        """Return the environment as Orris knows it, registered as it is now."""
        self._given = self.to_orris().ensure_registered(workspace)
        self._taken = self._sections
        return self._given

    def to_orris(self) -> sdk.Environment:
        """Return what Orris is asked for."""
        given = self._given
        same = given is not None and given.name == self.name and self._sections == self._taken
        if given is None or not same or self.python.changed:
            given = described(self.name, self.python, self.docker)
        given.environment_variables = {key: str(value) for key, value in self.environment_variables.items()}
        return given

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"
