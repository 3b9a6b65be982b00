"""Settings of a standalone instance: `ORRIS_STANDALONE_…`."""

from __future__ import annotations

from pydantic import Field

from orris_kit.config import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """What a standalone instance can be told. It listens on this machine only."""

    model_config = settings_of("standalone")

    port: int | None = Field(default=None, ge=1, le=65535, description="gRPC; default: the last one, else 6747")
    http_port: int | None = Field(default=None, ge=1, le=65535, description="HTTP; default: the last one, else 6748")
