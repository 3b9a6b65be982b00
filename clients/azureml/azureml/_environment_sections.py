"""The sections of an environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azureml._conda_dependencies import CondaDependencies
from azureml._names import CONSTANTS
from azureml._placeholder import refuse

ANY_PYTHON = "python"
# Azure's own images have nothing in them that the packages of an environment need.
_AZURES_IMAGES = "mcr.microsoft.com/azureml/"
_LOGIN = "the machine that makes the image pulls with what its engine was given: `docker login REGISTRY`"


class PythonSection:
    """The packages, and the interpreter where the user looks after it."""

    def __init__(self, read: Callable[[], CondaDependencies] = CondaDependencies) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = ANY_PYTHON
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
class ContainerRegistry:
    """Where the base image is. `username` and `password` are refused: an environment is no place for them."""

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    identity: Any = None


@dataclass
class DockerSection:
    """The image that the packages are put on, or the Dockerfile that makes one."""

    enabled: bool | None = None
    base_image: str | None = str(CONSTANTS["DEFAULT_CPU_IMAGE"])
    base_dockerfile: str | Path | None = None
    base_image_registry: ContainerRegistry = field(default_factory=ContainerRegistry)
    shm_size: str | None = None
    gpu_support: bool | None = None
    arguments: Any = None
    platform: Any = None

    @property
    def image(self) -> str:
        """The base image as Orris names it; empty where none is asked for. Raises NotAvailable for credentials."""
        registry = self.base_image_registry
        for name in ("username", "password", "identity"):
            if getattr(registry, name, None):
                refuse(f"docker.base_image_registry.{name}", f"leave it out; {_LOGIN}")
        if not self.base_image or self.base_image.startswith(_AZURES_IMAGES):
            return ""
        address = (registry.address or "").removeprefix("https://").strip("/")
        return self.base_image if not address or self.base_image.startswith(address) else f"{address}/{self.base_image}"
