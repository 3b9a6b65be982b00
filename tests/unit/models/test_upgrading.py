"""What a service of an older version kept is put right by the next one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from orris_kit.database import open_database, write
from orris_kit.database.opening import make_engine
from orris_kit.migration import migrate
from orris_models.core import Models
from orris_models.schema import metadata
from tests.contract.test_migrations import REVISIONS, plain, rows_of
from tests.servers.databases import NewDatabase


def test_versions_from_before_there_were_references_to_images_get_one(new_database: NewDatabase) -> None:
    url, before = new_database(), rows_of(Path(REVISIONS / "models-0001.json"))
    old = make_engine(url, "orris_models")
    with write(old) as connection:
        migrate(connection, "orris_models", "0001")
        for table, rows in before.items():
            connection.execute(plain(table, rows[0]).insert(), rows)
    old.dispose()
    engine = open_database(url, "orris_models", metadata)
    noted = set(Models(engine, lambda: datetime.now(UTC), lambda name: None).loose_references())
    rows = [*before["model_versions"], *before["loose_references"]]
    assert noted == {(row["workspace"], row["model"], row["number"]) for row in rows}
    assert len(noted) == len(rows) == 3
    engine.dispose()
