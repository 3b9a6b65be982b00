"""What the artifacts service can be told: ORRIS_ARTIFACTS_…"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import field_validator

from orris_kit.config import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """Where blobs and metadata are kept. `store` is a folder; `database` a URL of SQLAlchemy's."""

    model_config = settings_of("artifacts")

    store: str = ""
    database: str = ""

    @field_validator("store")
    @classmethod
    def _is_folder(cls, store: str) -> str:
        if re.match(r"\w+:", store):
            raise ValueError(f"{store.partition(':')[0]}: is not supported as a store; give the path of a folder")
        return store

    @property
    def store_path(self) -> Path:
        """The folder that holds the blobs: as set, else in the home."""
        return Path(self.store).expanduser() if self.store else self.home / "artifacts" / "blobs"

    @property
    def database_url(self) -> str:
        """The database: as set, else SQLite in the home."""
        return self.database or f"sqlite:///{self.home / 'artifacts' / 'artifacts.db'}"
