"""What the runs service can be told: ORRIS_RUNS_…, and where the services that it calls listen."""

from pathlib import Path

from pydantic import Field

from orris_kit.config import Listen, ServiceSettings, settings_of

HERE = "127.0.0.1:6747"


class Settings(ServiceSettings):
    """Where runs are kept, where the other services are, and how long leases hold (seconds).

    lease_margin: how much longer an agent that is not heard of is waited for after its lease has run out.
    """

    model_config = settings_of("runs")

    database: str = ""
    artifacts_address: Listen = Field(default=HERE, validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    images_address: Listen = Field(default=HERE, validation_alias="ORRIS_IMAGES_ADDRESS")
    lease_duration: float = Field(default=30, gt=0)
    lease_margin: float = Field(default=10, ge=0)

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'runs' / 'runs.db'}"

    @property
    def signing_key_path(self) -> Path:
        """The key that tokens are signed with, beside its public half."""
        return self.public_key_path.with_suffix(".key")
