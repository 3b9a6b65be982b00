"""What the models service can be told: ORRIS_MODELS_…"""

from __future__ import annotations

from pydantic import Field

from orris_kit.config import ServiceSettings, Target, settings_of

HERE = "127.0.0.1:6747"


class Settings(ServiceSettings):
    """Where versions are kept, where the other services are, and how long a conversion may take (seconds)."""

    model_config = settings_of("models")

    database: str = ""
    artifacts_address: Target = Field(default=HERE, validation_alias="ORRIS_ARTIFACTS_ADDRESS")
    images_address: Target = Field(default=HERE, validation_alias="ORRIS_IMAGES_ADDRESS")
    runs_address: Target = Field(default=HERE, validation_alias="ORRIS_RUNS_ADDRESS")
    conversion_time_limit: float = Field(default=600, gt=0)
    conversions_at_a_time: int = Field(default=16, ge=1)

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'models' / 'models.db'}"
