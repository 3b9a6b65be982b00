"""What the images service can be told: ORRIS_IMAGES_…"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from orris_kit.config import ServiceSettings, settings_of
from orris_kit.virtualenv import LinkMode


class Settings(ServiceSettings):
    """Where metadata and environments are kept, and how environments are made.

    `database` is sqlite:///PATH or postgresql://HOST/NAME; one process of the service uses it at a time. Building a
    source distribution runs its code as the user of this service: that is allowed, because an instance on one machine
    runs everything as the person who started it. A service for several people sets
    ORRIS_IMAGES_ALLOW_SOURCE_BUILDS=false.
    """

    model_config = settings_of("images")

    database: str = ""
    environments: Path | None = Field(default=None, description="default: environments/ in the home")
    builders: int = Field(default=2, ge=1, le=64, description="builds at a time")
    allow_source_builds: bool = True
    link_mode: LinkMode = Field(default="clone", description="how files come out of uv's cache: clone or copy")

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
