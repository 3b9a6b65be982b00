"""What the service can be told."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from orris_artifacts.config import Settings
from orris_artifacts.schema import metadata
from orris_kit.database import write
from orris_kit.migration import differences, migrate


def test_by_default_all_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.store_path == tmp_path / "artifacts" / "blobs"
    assert settings.database_url == f"sqlite:///{tmp_path}/artifacts/artifacts.db"


def test_a_store_that_is_not_supported_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_ARTIFACTS_STORE", "s3://bucket")
    with pytest.raises(ValidationError, match="give the path of a folder"):
        Settings()


def test_the_migrations_lead_to_the_tables_of_the_schema(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    with write(engine) as connection:
        migrate(connection, "orris_artifacts")
        assert differences(connection, metadata) == []
    engine.dispose()
