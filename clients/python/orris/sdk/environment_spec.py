"""What an environment asks for: packages, an interpreter, a Dockerfile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from orris.images.v1 import images_pb2
from orris.names import check_id
from orris.sdk.dockerfile import DEFAULT_INTERPRETER, dockerfile_text, text_of, with_packages


class Described:
    """What is asked for under a name, apart from any server."""

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
        base_image: str = "",
    ) -> None:
        self.name = check_id("environment", name)
        self.pip_packages = list(pip_packages)
        self.conda_packages = list(conda_packages)
        self.conda_channels = list(conda_channels)
        self.python_version = python_version
        self.environment_variables = dict(environment_variables or {})
        self.strict = strict
        self.base_image = base_image
        self._context: Path | None = None
        self._given: images_pb2.EnvironmentSpec | None = None

    @classmethod
    def from_conda_specification(cls, name: str, file_path: str | Path) -> Self:
        """Return the environment that a conda file (YAML) describes. Raises InvalidArgument when it cannot be read."""
        return cls.from_conda_text(name, text_of(file_path, "file_path"))

    @classmethod
    def from_conda_text(cls, name: str, text: str) -> Self:
        """Return the environment that the text of a conda file (YAML) describes."""
        return cls._of(name, images_pb2.EnvironmentSpec(conda_yaml=text))

    @classmethod
    def from_pip_requirements(cls, name: str, file_path: str | Path, python_version: str = "") -> Self:
        """Return the environment that a requirements file describes. Raises InvalidArgument when it cannot be read."""
        spec = images_pb2.EnvironmentSpec(requirements=text_of(file_path, "file_path"), python_version=python_version)
        return cls._of(name, spec)

    @classmethod
    def from_dockerfile(
        cls,
        name: str,
        dockerfile: str | Path,
        *,
        context: str | Path | None = None,
        interpreter: str = "",
        pip_packages: Iterable[str] = (),
    ) -> Self:
        """Return the environment that a Dockerfile (its text, or a file) makes, which has to bring a Python.

        `context` is a folder for its COPY and ADD, uploaded with the environment; `interpreter` that Python's path or
        name, by default `python3`; `pip_packages` are installed by a last step. Raises InvalidArgument when the file
        cannot be read.
        """
        text = with_packages(dockerfile_text(dockerfile), pip_packages, interpreter)
        asked = images_pb2.EnvironmentSpec.Dockerfile(text=text, interpreter=interpreter)
        made = cls._of(name, images_pb2.EnvironmentSpec(dockerfile=asked))
        made._context = None if context is None else Path(context)
        return made

    @classmethod
    def from_docker_image(cls, name: str, image: str, *, interpreter: str = DEFAULT_INTERPRETER) -> Self:
        """Return the environment that is in a container image, with the Python at a path, or of a name, there.

        For packages put on an image, set `base_image` of an environment that names them.
        """
        made = cls.from_existing_interpreter(name, interpreter)
        made.base_image = image
        return made

    @classmethod
    def from_existing_interpreter(cls, name: str, interpreter: str | Path) -> Self:
        """Return the environment of a Python that you look after, by its path on the machine that executes the run."""
        path = str(interpreter)
        return cls._of(
            name, images_pb2.EnvironmentSpec(user_managed=images_pb2.EnvironmentSpec.UserManaged(interpreter=path))
        )

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
        spec.base_image = self.base_image
        spec.environment_variables.clear()
        spec.environment_variables.update(self.environment_variables)
        return spec

    @classmethod
    def _of(cls, name: str, spec: images_pb2.EnvironmentSpec) -> Self:
        environment = cls(name, environment_variables=spec.environment_variables, strict=spec.strict)
        environment.base_image = spec.base_image
        if spec.WhichOneof("source") == "packages":
            environment.python_version = spec.packages.python_version
            environment.pip_packages = list(spec.packages.pip_packages)
            environment.conda_packages = list(spec.packages.conda_packages)
            environment.conda_channels = list(spec.packages.conda_channels)
        else:
            environment._given = spec
        return environment
