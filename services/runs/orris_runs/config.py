"""What the runs service can be told: ORRIS_RUNS_…, and where the services that it calls listen."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field

from orris.errors import InvalidArgument
from orris.sizes import parse_size
from orris_kit.config import ServiceSettings, Target, settings_of
from orris_runs import limits
from orris_runs.engines.port import Surroundings

HERE = "127.0.0.1:6747"


def _size(written: object) -> int:
    try:
        return parse_size(str(written), "ORRIS_RUNS_LOG_CAP")
    except InvalidArgument as error:
        raise ValueError(error.message) from error


def _either(own: str, noun: str) -> AliasChoices:
    return AliasChoices(f"ORRIS_RUNS_ENGINE_{own}ADDRESS", "ORRIS_RUNS_ENGINE_ADDRESS", f"ORRIS_{noun}_ADDRESS")


class Settings(ServiceSettings):
    """Where runs are kept, where the other services are, and how long leases hold (seconds).

    lease_margin: how much longer an agent that is not heard of is waited for after its lease has run out.
    log_cap: how large a log may become, in bytes (or 4GiB); what is written behind that is counted, and not kept.
    session_patience, session_duration: how long an interactive run may be silent before it is NOT_RESPONDING, and
    before it has failed.
    engine_address: where the agents that engines start find the services; by default where this one finds them, and
    where it listens. engine_artifacts_address and so on: the same of those that are not at that address.
    """

    model_config = settings_of("runs")

    database: str = ""
    artifacts_address: Target = Field(default=HERE, validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    images_address: Target = Field(default=HERE, validation_alias="ORRIS_IMAGES_ADDRESS")
    lease_duration: float = Field(default=30, gt=0)
    lease_margin: float = Field(default=10, ge=0)
    log_cap: Annotated[int, BeforeValidator(_size), Field(ge=1024)] = limits.LOG_CAP_BYTES
    session_patience: float = Field(default=limits.SESSION_PATIENCE_SECONDS, gt=0)
    session_duration: float = Field(default=limits.SESSION_SECONDS, gt=0)
    engine_address: str = Field(default="", validation_alias=_either("", "RUNS"))
    engine_artifacts_address: str = Field(default=HERE, validation_alias=_either("ARTIFACTS_", "ARTIFACTS"))
    engine_images_address: str = Field(default=HERE, validation_alias=_either("IMAGES_", "IMAGES"))
    engine_models_address: str = Field(default=HERE, validation_alias=_either("MODELS_", "MODELS"))

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'runs' / 'runs.db'}"

    @property
    def signing_key_path(self) -> Path:
        """The key that tokens are signed with, beside its public half."""
        return self.public_key_path.with_suffix(".key")

    @property
    def surroundings(self) -> Surroundings:
        """What engines find around them."""
        addresses = {
            "RUNS": self.engine_address or self.listen,
            "ARTIFACTS": self.engine_artifacts_address,
            "IMAGES": self.engine_images_address,
            "MODELS": self.engine_models_address,
        }
        told = {f"ORRIS_{noun}_ADDRESS": address for noun, address in addresses.items()}
        return Surroundings(self.home, self.home / "agent.token", told, dict(os.environ))
