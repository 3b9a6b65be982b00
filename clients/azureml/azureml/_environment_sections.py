"""The sections of an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azureml._conda_dependencies import CondaDependencies
from azureml._names import CONSTANTS


class PythonSection:
    """The packages, and the interpreter where the user looks after it."""

    def __init__(self, read: Callable[[], CondaDependencies] = CondaDependencies) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = "python"
        self.base_conda_environment: str | None = None
        self._read = read
        self._conda: CondaDependencies | None = None

    @property
    def conda_dependencies(self) -> CondaDependencies:
        """The packages; may be changed, or replaced."""
        if self._conda is None:
            self._conda = self._read()
        return self._conda

    @conda_dependencies.setter
    def conda_dependencies(self, dependencies: CondaDependencies | None) -> None:
        self._conda = dependencies

    @property
    def changed(self) -> bool:
        """Whether the packages are others than those the environment came with."""
        return self._conda is not None and self._conda != self._read()


@dataclass
class DockerSection:
    """What Azure would do with Docker. Orris makes environments of packages and uses no image."""

    enabled: bool | None = None
    base_image: str | None = str(CONSTANTS["DEFAULT_CPU_IMAGE"])
    base_dockerfile: str | None = None
    base_image_registry: Any = None
    shm_size: str | None = None
    gpu_support: bool | None = None
    arguments: Any = None

    @property
    def ignored(self) -> str:
        """The name of a setting that asks for packages of an image, which the run will not find; empty if none."""
        if self.base_dockerfile:
            return "base_dockerfile"
        return "base_image" if self.base_image and "mcr.microsoft.com/azureml/" not in self.base_image else ""
