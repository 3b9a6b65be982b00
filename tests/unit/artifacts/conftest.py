"""The service's rules over a folder and a database, with a clock that stands until it is turned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris_artifacts.core import Artifacts
from orris_artifacts.index import Index
from orris_artifacts.schema import metadata
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import open_database
from tests.servers.databases import NewDatabase

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Clock:
    """Tells the time that it was turned to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    made = FolderStore(tmp_path / "blobs")
    yield made
    made.close()


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    made = open_database(new_database("orris_artifacts", metadata), "orris_artifacts", metadata)
    yield made
    made.dispose()


@pytest.fixture
def index(engine: sa.Engine, clock: Clock) -> Index:
    return Index(engine, clock)


@pytest.fixture
def core(engine: sa.Engine, store: FolderStore, clock: Clock) -> Iterator[Artifacts]:
    made = Artifacts(engine, store, clock)
    yield made
    made.close()
