"""What the images service can be told: ORRIS_IMAGES_…"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from orris.errors import FailedPrecondition
from orris_images.build.oci.settings import OciSettings
from orris_images.container import base_image, check_registry
from orris_kit.conda_channels import CondaChannels
from orris_kit.config import ServiceSettings, Target, checked, settings_of
from orris_kit.virtualenv import LinkMode

HERE = "127.0.0.1:6747"


def _registry(text: str) -> str:
    if text:
        check_registry(text)
    return text


def _base_images(text: str) -> str:
    return ",".join(map(base_image, text.split(",")))


class Settings(ServiceSettings):
    """Where metadata and environments are kept, and how environments are made.

    `database` is sqlite:///PATH or postgresql://HOST/NAME; one process of the service uses it at a time. Building a
    source distribution runs its code as the user of this service: that is allowed, because an instance on one machine
    runs everything as the person who started it. A service for several people sets
    ORRIS_IMAGES_ALLOW_SOURCE_BUILDS=false.

    With `builder` oci images are container images, made with the engine that DOCKER_HOST leads to.

    keep_unused: for how long an image is kept that nobody refers to, after it was last used (seconds, at least two
    hours). sweep_interval: how often such images are collected (seconds); 0 means only when somebody asks for it.
    """

    model_config = settings_of("images")

    database: str = ""
    artifacts_address: Target = Field(default=HERE, validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    environments: Path | None = Field(default=None, description="default: environments/ in the home")
    builders: int = Field(default=2, ge=1, le=64, description="builds at a time")
    allow_source_builds: bool = True
    keep_unused: int = Field(default=30 * 86_400, ge=7200, le=10 * 366 * 86_400)
    sweep_interval: int = Field(default=6 * 3600, ge=0, le=366 * 86_400)
    link_mode: LinkMode = Field(default="clone", description="how files come out of uv's cache: clone or copy")

    conda_channels: SecretStr = Field(default=SecretStr(""), description="where conda channels are; see `conda`")
    conda_default_channels: str = Field(default="conda-forge", description="those of a specification without any")

    builder: Literal["virtualenv", "oci"] = Field(default="virtualenv", description="what images are")
    base_image: Annotated[str, checked(_base_images)] = Field(
        default="python:3.11-slim-bookworm", description="base images, separated by commas"
    )
    registry: Annotated[str, checked(_registry)] = Field(
        default="", description="HOST:PORT/PREFIX; empty: images stay in the container engine"
    )
    registry_endpoint: str = Field(
        default="",
        pattern="^(https?://[^/@]+)?$",
        description="where this service reaches it, if elsewhere: http://HOST:PORT",
    )
    registry_username: str = ""
    registry_password: SecretStr = SecretStr("")
    registry_password_file: Path | None = None
    registry_insecure: bool = Field(default=False, description="allow plain http to a registry beyond loopback")
    layer_cache_size: int = Field(default=4 * 1024**3, ge=0, description="bytes of layers kept to be used again")

    compile_bytecode: bool = Field(default=True, description="put bytecode into container images")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.registry_username and not (self.registry_password.get_secret_value() or self.registry_password_file):
            name = "ORRIS_IMAGES_REGISTRY_PASSWORD"
            raise ValueError(f"ORRIS_IMAGES_REGISTRY_USERNAME is set: set {name} or {name}_FILE as well")
        return self

    @property
    def oci(self) -> OciSettings:
        """What the makers of container images are told. Raises FailedPrecondition (PASSWORD_UNREADABLE)."""
        password = self.registry_password.get_secret_value()
        if self.registry_password_file is not None:
            password = _password_in(self.registry_password_file)
        return OciSettings(
            base_images=tuple(filter(None, map(str.strip, self.base_image.split(",")))),
            registry=self.registry,
            endpoint=self.registry_endpoint,
            username=self.registry_username,
            password=password,
            insecure=self.registry_insecure,
            layer_cache_size=self.layer_cache_size,
            compile_bytecode=self.compile_bytecode,
        )

    @property
    def conda(self) -> CondaChannels:
        """Where conda channels are: addresses and folders with channels in them, and `NAME=ADDRESS` for one channel,
        separated by commas. Raises InvalidArgument."""
        return CondaChannels.parse(self.conda_channels.get_secret_value(), "ORRIS_IMAGES_CONDA_CHANNELS")

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'images' / 'images.db'}"

    @property
    def environments_path(self) -> Path:
        """The folder of the environments, which agents of the same machine use too."""
        return self.environments or self.home / "environments"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of this process, of which uv sees what it needs (`orris_kit.uv`)."""
        return dict(os.environ)


def _password_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        message = f"the registry's password cannot be read ({reason}); see ORRIS_IMAGES_REGISTRY_PASSWORD_FILE, {path}"
        raise FailedPrecondition(message, reason="PASSWORD_UNREADABLE") from None
