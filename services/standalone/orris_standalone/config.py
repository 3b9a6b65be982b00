"""Settings of a standalone instance: `ORRIS_STANDALONE_…`."""

from __future__ import annotations

from pydantic import Field, field_validator

from orris_kit.config import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """What a standalone instance can be told.

    It listens on this machine only, unless `listen` has another address of it and `allow_insecure_listen` is set: for
    agents on other machines, in a network that nobody else is in. Its HTTP endpoints stay on this machine.
    """

    model_config = settings_of("standalone")

    port: int | None = Field(default=None, ge=1, le=65535, description="gRPC; default: the last one, else 6747")
    http_port: int | None = Field(default=None, ge=1, le=65535, description="HTTP; default: the last one, else 6748")

    @field_validator("listen")
    @classmethod
    def _is_a_host(cls, listen: str) -> str:
        if listen.startswith("unix:"):
            raise ValueError("an instance listens at HOST:PORT")
        return listen
