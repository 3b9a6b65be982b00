"""The migrations lead to the tables that the code expects."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from orris_inference.schema import metadata
from orris_kit.migration import differences, migrate


def test_migrations_make_the_tables_of_the_schema(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'd.db'}")
    with engine.begin() as connection:
        migrate(connection, "orris_inference")
        assert [each for each in differences(connection, metadata) if "alembic_version" not in str(each)] == []
