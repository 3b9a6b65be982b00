"""Settings of an agent: `ORRIS_AGENT_…`, and where the services are."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
from pathlib import Path

from pydantic import Field

from orris_kit.config import ServiceSettings, settings_of
from orris_kit.virtualenv import LinkMode


class Settings(ServiceSettings):
    """What an agent can be told."""

    model_config = settings_of("agent")

    name: str = Field(default_factory=lambda: _as_id(socket.gethostname()), description="id, unique in an installation")
    pool: str = "local"
    slots: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=0, description="runs at a time")
    replica_slots: int = Field(default=64, ge=0, description="replicas at a time")
    folder: Path | None = Field(default=None, description="runs' folders; default: agent/ in the home")
    environments: Path | None = Field(default=None, description="default: environments/ in the home")
    link_mode: LinkMode = Field(default="clone", description="how files come out of uv's cache: clone or copy")
    cache_size: int = Field(default=10 * 1024**3, ge=0, description="bytes of blobs to keep for later runs; 0: none")
    runs_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_RUNS_ADDRESS")
    artifacts_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    models_address: str = Field(default="127.0.0.1:6747", validation_alias="ORRIS_MODELS_ADDRESS")

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
