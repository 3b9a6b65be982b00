"""Databases: opening, migrating, transactions, moments."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris_kit.database import UtcDateTime, open_database, partial_index, read, write
from orris_kit.migration import differences, migrate

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("runs", sa.Column("id", sa.String(20), primary_key=True), sa.Column("time", sa.BigInteger))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.add_column("runs", sa.Column("note", sa.String(20)))
"""

Package = Callable[..., str]


def tables(*more: sa.Column[str]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("runs", metadata, sa.Column("id", sa.String(20), primary_key=True), sa.Column("time", UtcDateTime), *more)
    return metadata


def newer() -> sa.MetaData:
    return tables(sa.Column("note", sa.String(20)))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Make a package with these migrations."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, *revisions: str) -> str:
        versions = tmp_path / name / "migrations" / "versions"
        versions.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for number, text in enumerate(revisions, 1):
            (versions / f"{number:04}_step.py").write_text(text)
        return name

    yield make
    for name in [each for each in sys.modules if each.startswith("app_")]:
        del sys.modules[name]


def url(tmp_path: Path) -> str:
    return str(tmp_path / "data" / "runs.db")


def revision(engine: sa.Engine) -> str:
    with read(engine) as connection:
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def test_an_empty_database_gets_the_tables_and_the_newest_revision(tmp_path: Path, package: Package) -> None:
    engine = open_database(url(tmp_path), package("app_a", FIRST, SECOND), newer())
    assert revision(engine) == "0002"
    with read(engine) as connection:
        assert differences(connection, newer()) == []
    engine.dispose()


def test_an_older_database_is_migrated_and_keeps_its_rows(tmp_path: Path, package: Package) -> None:
    engine = open_database(url(tmp_path), package("app_b", FIRST), tables())
    with write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO runs (id) VALUES ('r')")
    engine.dispose()
    engine = open_database(url(tmp_path), package("app_c", FIRST, SECOND), newer())
    assert revision(engine) == "0002"
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT id, note FROM runs").one() == ("r", None)
        assert differences(connection, newer()) == []
    engine.dispose()


def test_a_failing_migration_leaves_the_database_as_it_was(tmp_path: Path, package: Package) -> None:
    open_database(url(tmp_path), package("app_d", FIRST), tables()).dispose()
    broken = SECOND + "    raise RuntimeError('half-way')\n"
    with pytest.raises(RuntimeError, match="half-way"):
        open_database(url(tmp_path), package("app_e", FIRST, broken), newer())
    engine = open_database(url(tmp_path), "app_d", tables())
    assert revision(engine) == "0001"
    with read(engine) as connection:
        assert differences(connection, tables()) == []
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, package: Package) -> None:
    open_database(url(tmp_path), package("app_f", FIRST, SECOND), newer()).dispose()
    with pytest.raises(FailedPrecondition) as caught:
        open_database(url(tmp_path), package("app_g", FIRST), tables())
    assert caught.value.reason == "DATABASE_TOO_NEW"


def test_the_migrations_alone_lead_to_the_same_tables(tmp_path: Path, package: Package) -> None:
    engine = open_database(url(tmp_path), package("app_h"), sa.MetaData())
    name = package("app_i", FIRST, SECOND)
    with write(engine) as connection:
        migrate(connection, name)
    with read(engine) as connection:
        assert differences(connection, newer()) == []
        assert differences(connection, tables()) != []
    engine.dispose()


def test_alembic_is_not_imported_when_nothing_is_to_migrate(tmp_path: Path, package: Package) -> None:
    name = package("app_j", FIRST)
    code = (
        "import sqlalchemy as sa, sys; from orris_kit.database import open_database; m = sa.MetaData();"
        f"sa.Table('runs', m, sa.Column('id', sa.String, primary_key=True));"
        f"[open_database({url(tmp_path)!r}, {name!r}, m).dispose() for _ in range(2)]; "
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.fixture
def engine(tmp_path: Path, package: Package) -> Iterator[sa.Engine]:
    engine = open_database(url(tmp_path), package("app_k", FIRST), tables())
    yield engine
    engine.dispose()


def test_sqlite_is_durable_and_checks_its_references(engine: sa.Engine) -> None:
    with read(engine) as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 2, 1, 10_000]


def test_a_transaction_that_raises_changes_nothing(engine: sa.Engine) -> None:
    with pytest.raises(KeyError), write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO runs (id) VALUES ('r')")
        raise KeyError
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 0


def test_writers_of_many_threads_take_turns(engine: sa.Engine) -> None:
    """Each writes what depends on what it read: without a lock from the beginning, counts would get lost."""
    with write(engine) as connection:
        connection.exec_driver_sql("INSERT INTO runs (id, time) VALUES ('r', 0)")
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with write(engine) as connection:
                    now = connection.exec_driver_sql("SELECT time FROM runs").scalar_one()
                    connection.exec_driver_sql("UPDATE runs SET time = ?", (now + 1,))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with read(engine) as connection:
        assert connection.exec_driver_sql("SELECT time FROM runs").scalar_one() == 40


def test_a_reader_sees_one_state_and_is_not_held_up_by_a_writer(engine: sa.Engine) -> None:
    with read(engine) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 0
        with write(engine) as writer:
            writer.exec_driver_sql("INSERT INTO runs (id) VALUES ('r')")
        assert reader.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 0


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2026, 1, 2, 3, 4, 5, 1, timezone(timedelta(hours=5, minutes=30))),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_a_moment_comes_back_exactly_and_in_utc(engine: sa.Engine, moment: datetime) -> None:
    runs = tables().tables["runs"]
    with write(engine) as connection:
        connection.execute(runs.insert().values(id="r", time=moment))
        back = connection.execute(sa.select(runs.c.time)).scalar_one()
    assert back == moment
    assert back.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_refused(engine: sa.Engine) -> None:
    runs = tables().tables["runs"]
    with pytest.raises(sa.exc.StatementError, match="time zone"), write(engine) as connection:
        connection.execute(runs.insert().values(id="r", time=datetime(2026, 1, 1)))  # noqa: DTZ001  # the mistake


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://"])
def test_a_partial_index_is_one_in_every_database(url: str) -> None:
    metadata = tables()
    time = metadata.tables["runs"].c.time
    partial_index("runs_timed", time, where=time.is_not(None))
    statements: list[str] = []
    dialect = sa.make_url(url).get_dialect()()
    mocked = sa.create_mock_engine(url, lambda made, *_, **__: statements.append(str(made.compile(dialect=dialect))))
    metadata.create_all(mocked, checkfirst=False)
    assert statements[-1] == "CREATE INDEX runs_timed ON runs (time) WHERE time IS NOT NULL"
