"""Databases: opening and migrating."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris_kit.database import Text, UtcDateTime, open_database, read, write
from orris_kit.migration import differences, migrate
from tests.servers.databases import NewDatabase

FIRST = """
import sqlalchemy as sa
from alembic import op
from orris_kit.database import Text
revision, down_revision = "0001", None
def upgrade():
    op.create_table("runs", sa.Column("id", Text(20), primary_key=True), sa.Column("time", sa.BigInteger))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
from orris_kit.database import Text
revision, down_revision = "0002", "0001"
def upgrade():
    op.add_column("runs", sa.Column("note", Text(20)))
"""

Package = Callable[..., str]


def tables(*more: sa.Column[str]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("runs", metadata, sa.Column("id", Text(20), primary_key=True), sa.Column("time", UtcDateTime), *more)
    return metadata


def newer() -> sa.MetaData:
    return tables(sa.Column("note", Text(20)))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Make a package with these migrations; made again, it is another version of the same."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(*revisions: str) -> str:
        versions = tmp_path / "app" / "migrations" / "versions"
        shutil.rmtree(versions, ignore_errors=True)
        versions.mkdir(parents=True)
        (tmp_path / "app" / "__init__.py").touch()
        for number, text in enumerate(revisions, 1):
            (versions / f"{number:04}_step.py").write_text(text)
        return "app"

    yield make
    sys.modules.pop("app", None)


def revision(engine: sa.Engine) -> str:
    with read(engine) as connection:
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def test_an_empty_database_gets_the_tables_and_the_newest_revision(new_database: NewDatabase, package: Package) -> None:
    url = new_database()
    engine = open_database(url, package(FIRST, SECOND), newer())
    assert revision(engine) == "0002"
    with read(engine) as connection:
        assert differences(connection, newer()) == []
    engine.dispose()


def test_an_older_database_is_migrated_and_keeps_its_rows(new_database: NewDatabase, package: Package) -> None:
    url = new_database()
    engine = open_database(url, package(FIRST), tables())
    with write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO runs (id) VALUES ('r')")
    engine.dispose()
    engine = open_database(url, package(FIRST, SECOND), newer())
    assert revision(engine) == "0002"
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT id, note FROM runs").one() == ("r", None)
        assert differences(connection, newer()) == []
    engine.dispose()


def test_a_failing_migration_leaves_the_database_as_it_was(new_database: NewDatabase, package: Package) -> None:
    url = new_database()
    open_database(url, package(FIRST), tables()).dispose()
    broken = SECOND + "    raise RuntimeError('half-way')\n"
    with pytest.raises(RuntimeError, match="half-way"):
        open_database(url, package(FIRST, broken), newer())
    engine = open_database(url, package(FIRST), tables())
    assert revision(engine) == "0001"
    with read(engine) as connection:
        assert differences(connection, tables()) == []
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(new_database: NewDatabase, package: Package) -> None:
    url = new_database()
    open_database(url, package(FIRST, SECOND), newer()).dispose()
    with pytest.raises(FailedPrecondition) as caught:
        open_database(url, package(FIRST), tables())
    assert caught.value.reason == "DATABASE_TOO_NEW"


def test_the_migrations_alone_lead_to_the_same_tables(new_database: NewDatabase, package: Package) -> None:
    url = new_database()
    engine = open_database(url, package(), sa.MetaData())
    name = package(FIRST, SECOND)
    with write(engine) as connection:
        migrate(connection, name)
    with read(engine) as connection:
        assert differences(connection, newer()) == []
        assert differences(connection, tables()) != []
    engine.dispose()


def test_alembic_and_the_other_driver_are_not_imported_when_they_are_not_needed(
    new_sqlite: NewDatabase, tmp_path: Path, package: Package
) -> None:
    url, name = new_sqlite(), package(FIRST)
    code = (
        "import sqlalchemy as sa, sys; from orris_kit.database import open_database; m = sa.MetaData();"
        f"sa.Table('runs', m, sa.Column('id', sa.String, primary_key=True));"
        f"[open_database({url!r}, {name!r}, m).dispose() for _ in range(2)]; "
        "assert not {'alembic', 'psycopg', 'sqlalchemy.dialects.postgresql'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_sqlite_is_durable_and_checks_its_references(new_sqlite: NewDatabase, package: Package) -> None:
    engine = open_database(new_sqlite(), package(FIRST), tables())
    with read(engine) as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    engine.dispose()
    assert values == ["wal", 2, 1, 10_000]
