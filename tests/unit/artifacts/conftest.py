"""The service's rules over a folder and SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orris_artifacts.core import Artifacts
from orris_artifacts.schema import metadata
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import open_database

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


@pytest.fixture
def core(tmp_path: Path, store: FolderStore) -> Iterator[Artifacts]:
    engine = open_database(str(tmp_path / "artifacts.db"), "orris_artifacts", metadata)
    yield Artifacts(engine, store, lambda: NOW)
    engine.dispose()
