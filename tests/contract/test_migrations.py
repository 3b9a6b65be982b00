"""Databases of every older version: migrated, they are like new ones, and no row is lost.

`revisions/<noun>-<revision>.json` has rows as a service of that revision wrote them. Who adds a migration adds what was
written before it; what it changes or drops on purpose is named in CHANGED.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orris_kit.database import open_database, read, write
from orris_kit.database.opening import make_engine
from orris_kit.migration import differences, migrate
from tests.contract.layout import layout
from tests.servers.databases import NewDatabase

NOUNS = ("artifacts", "images", "runs", "models", "inference")
REVISIONS = Path(__file__).parent / "revisions"
OLD = sorted(REVISIONS.glob("*.json"))
# Tables, and `table.column`s, that are not to be found again.
CHANGED = {"artifacts-0001": {"checked_files"}, "models-0001": {"loose_references"}}

Rows = list[dict[str, Any]]


def metadata_of(noun: str) -> sa.MetaData:
    made: sa.MetaData = import_module(f"orris_{noun}.schema").metadata
    return made


def rows_of(file: Path) -> dict[str, Rows]:
    """Return the rows of each table, parents first."""

    def with_bytes(kept: dict[str, Any]) -> Any:
        return bytes.fromhex(kept["hex"]) if "hex" in kept else kept

    found: dict[str, Rows] = json.loads(file.read_text(), object_hook=with_bytes)
    return found


def plain(table: str, row: dict[str, Any]) -> sa.TableClause:
    """Return a table whose values go as they are, whatever types the code has for them now."""
    return sa.table(table, *map(sa.column, row))


@pytest.mark.parametrize("noun", NOUNS)
def test_a_new_database_is_like_one_that_was_migrated_all_the_way(new_database: NewDatabase, noun: str) -> None:
    package, metadata = f"orris_{noun}", metadata_of(noun)
    new, old = open_database(new_database(), package, metadata), make_engine(new_database(), package)
    with write(old) as connection:
        migrate(connection, package)
        assert differences(connection, metadata) == []
        migrated = layout(connection)
    with read(new) as connection:
        assert layout(connection) == migrated
    for engine in (new, old):
        engine.dispose()


@pytest.mark.parametrize("file", OLD, ids=lambda file: file.stem)
def test_an_older_database_becomes_like_a_new_one_and_keeps_its_rows(new_database: NewDatabase, file: Path) -> None:
    noun, _, revision = file.stem.partition("-")
    package, metadata, changed = f"orris_{noun}", metadata_of(noun), CHANGED.get(file.stem, set())
    url, before = new_database(), rows_of(file)
    old = make_engine(url, package)
    with write(old) as connection:
        migrate(connection, package, revision)
        for table, rows in before.items():
            connection.execute(plain(table, rows[0]).insert(), rows)
    old.dispose()
    engine = open_database(url, package, metadata)
    with read(engine) as connection:
        assert differences(connection, metadata) == []
        for table, rows in before.items():
            if table in changed:
                continue
            kept = [{name: row[name] for name in row if f"{table}.{name}" not in changed} for row in rows]
            found = [dict(row) for row in connection.execute(sa.select(plain(table, kept[0]))).mappings()]
            assert len(found) == len(kept)
            assert all(row in found for row in kept), table
    engine.dispose()


def test_runs_that_waited_before_there_were_lines_stand_in_lines(new_database: NewDatabase) -> None:
    """One for each kind of demands, with one turn; leases know whose they are."""
    url, before = new_database(), rows_of(REVISIONS / "runs-0003.json")
    old = make_engine(url, "orris_runs")
    with write(old) as connection:
        migrate(connection, "orris_runs", "0003")
        for table, rows in before.items():
            connection.execute(plain(table, rows[0]).insert(), rows)
    old.dispose()
    engine = open_database(url, "orris_runs", metadata_of("runs"))
    with read(engine) as connection:
        lines = connection.exec_driver_sql("SELECT turn, pool, experiment, demands FROM lines ORDER BY demands").all()
        owners = connection.exec_driver_sql("SELECT DISTINCT owner FROM leases").scalars().all()
    engine.dispose()
    assert [tuple(each) for each in lines] == [
        (5, "local", "iris", ""),
        (5, "local", "iris", '{"cpus":4,"isolation":2}'),
    ]
    assert owners == ["default/iris"]


@pytest.mark.parametrize("noun", NOUNS)
def test_there_are_rows_of_every_older_version(noun: str) -> None:
    versions = Path(str(import_module(f"orris_{noun}").__path__[0])) / "migrations" / "versions"
    numbers = sorted(path.name.partition("_")[0] for path in versions.glob("[0-9]*_*.py"))
    assert {f"{noun}-{number}" for number in numbers[:-1]} <= {file.stem for file in OLD}


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("noun", NOUNS)
def test_all_text_is_sorted_as_python_does(new_postgres: NewDatabase, noun: str) -> None:
    """Pages go on behind a name, and names are compared here and there."""
    engine = open_database(new_postgres(), f"orris_{noun}", metadata_of(noun))
    with read(engine) as connection:
        found = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            " AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
            " AND table_name <> 'alembic_version'"
        ).all()
    engine.dispose()
    assert found == []
