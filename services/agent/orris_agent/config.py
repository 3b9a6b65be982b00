"""Settings of an agent: `ORRIS_AGENT_…`, and where the services are."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
from pathlib import Path
from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator

from orris_agent.ray_cluster import RayCluster
from orris_kit.conda_channels import CondaChannels
from orris_kit.config import ServiceSettings, settings_of
from orris_kit.virtualenv import LinkMode


class Settings(ServiceSettings):
    """What an agent can be told."""

    model_config = settings_of("agent")

    name: str = Field(default_factory=lambda: _as_id(socket.gethostname()), description="id, unique in an installation")
    pool: str = "local"
    slots: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=0, description="runs at a time")
    replica_slots: int = Field(default=64, ge=0, description="replicas at a time")
    cpus: float = Field(default=0, ge=0, description="processors to offer; 0, or more than there are: all")
    memory: int = Field(default=0, ge=0, description="bytes of memory to offer; 0, or more than there are: all")
    finish_on_stop: bool = Field(
        default=False,
        description="its machine goes when it is told to end: it takes no more runs, and ends when those it has did",
    )
    sleeps_along: bool = Field(
        default=False, description="the runs service is on this machine: while it sleeps, no lease runs out"
    )
    folder: Path | None = Field(default=None, description="runs' folders; default: agent/ in the home")
    environments: Path | None = Field(default=None, description="default: environments/ in the home")
    link_mode: LinkMode = Field(default="clone", description="how files come out of uv's cache: clone or copy")
    conda_channels: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("ORRIS_AGENT_CONDA_CHANNELS", "ORRIS_IMAGES_CONDA_CHANNELS"),
        description="where conda channels are, as the images service has it",
    )
    isolation: Literal["warm", "process", "container"] = Field(
        default="warm",
        description="what a run gets that asks for nothing: a fork of an interpreter that has imported its libraries, "
        "a fresh one, or a container; container: no run gets less",
    )
    launchers: int = Field(default=8, ge=0, description="interpreters and containers that wait for runs; 0: none")
    launchers_memory: int = Field(default=2 * 1024**3, ge=0, description="bytes that they may occupy together")
    launchers_idle: float = Field(default=900, gt=0, description="seconds after which one that nobody needs is ended")
    engine: Literal["auto", "on", "off"] = Field(
        default="auto", description="offer containers: where an engine answers at the start, always, or never"
    )
    registry_username: str = ""
    registry_password: SecretStr = SecretStr("")
    registry_password_file: Path | None = None
    replica_network: str = Field(default="", description="Docker network that replicas join, instead of loopback")
    cache_size: int = Field(
        default=10 * 1024**3,
        ge=0,
        description="bytes of blobs to keep for later runs, and of data that containers share; 0: none",
    )
    keep_images: int = Field(
        default=14 * 86_400, ge=7200, description="seconds that a container image which was pulled is kept unused"
    )
    ray_address: str = Field(default="", description="head of the Ray cluster that this machine is a part of")
    ray_token_file: Path | None = Field(default=None, description="the cluster's token; default: ray.token in the home")
    ray_processors: int = Field(default=0, ge=0, description="what n_jobs=-1 means there; 0: as many as it has")
    ray_version: str = Field(default="", description="the cluster's version of Ray")
    ray_python_version: str = Field(default="", description="the cluster's version of Python")
    runs_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_RUNS_ADDRESS")
    artifacts_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    images_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_IMAGES_ADDRESS")
    models_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_MODELS_ADDRESS")

    @model_validator(mode="after")
    def _containers_need_an_engine(self) -> Self:
        if self.isolation == "container" and self.engine == "off":
            raise ValueError("ORRIS_AGENT_ISOLATION=container needs an engine; set ORRIS_AGENT_ENGINE=on")
        return self

    @property
    def forks(self) -> bool:
        """Whether runs may be forks of interpreters that have imported their libraries."""
        return self.isolation == "warm" and self.launchers > 0 and sys.platform == "linux"

    @property
    def containers_wait(self) -> bool:
        """Whether containers may wait for runs."""
        return self.isolation != "process" and self.launchers > 0 and sys.platform == "linux"

    @property
    def conda(self) -> CondaChannels:
        """Where conda channels are. Raises InvalidArgument."""
        return CondaChannels.parse(self.conda_channels.get_secret_value(), "ORRIS_AGENT_CONDA_CHANNELS")

    @property
    def ray_cluster(self) -> RayCluster | None:
        """The Ray cluster that this machine is a part of; None where there is none."""
        if not self.ray_address:
            return None
        token_file = self.ray_token_file or self.home / "ray.token"
        return RayCluster(self.ray_address, token_file, self.ray_version, self.ray_python_version, self.ray_processors)

    def registry_secret(self) -> str:
        """Return the registry's password, from its file where it has one. Raises OSError."""
        if self.registry_password_file is not None:
            return self.registry_password_file.read_text(encoding="utf-8").strip()
        return self.registry_password.get_secret_value()

    @property
    def token_path(self) -> Path:
        return self.token_file or self.home / "agent.token"

    @property
    def folder_path(self) -> Path:
        return self.folder or self.home / "agent"

    @property
    def cache_path(self) -> Path:
        return self.folder_path / "cache"

    @property
    def environments_path(self) -> Path:
        return self.environments or self.home / "environments"


def platform_name() -> str:
    """Return this machine's platform as locks name it, for example "linux-x86_64"."""
    return f"{sys.platform}-{platform.machine()}"


def _as_id(hostname: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", hostname.lower()).strip("-")[:63] or "agent"
