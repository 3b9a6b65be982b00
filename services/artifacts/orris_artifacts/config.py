"""What the artifacts service can be told: ORRIS_ARTIFACTS_…"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from orris_artifacts.store_settings import StoreSettings
from orris_kit.config import settings_of


class Settings(StoreSettings):
    """Where blobs and metadata are kept. `store` as in StoreSettings; `database` is a URL of SQLAlchemy's.

    grace: for how long what nobody refers to is kept after it was last used (seconds, at least ten minutes).
    sweep_interval: how often garbage is collected (seconds); 0 means only when somebody asks for it.
    """

    # An error about several settings would show them all, secrets as well.
    model_config = SettingsConfigDict(**settings_of("artifacts"), hide_input_in_errors=True)

    database: str = ""
    grace: int = Field(default=86_400, ge=600, le=10 * 366 * 86_400)
    sweep_interval: int = Field(default=6 * 3600, ge=0, le=366 * 86_400)

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'artifacts' / 'artifacts.db'}"
