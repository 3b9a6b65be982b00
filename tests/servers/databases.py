"""Databases for tests: an empty one of a test's own, of either kind.

from tests.servers.databases import NewDatabase

def test_something(new_database: NewDatabase) -> None:       # once with SQLite, once with PostgreSQL
    engine = open_database(new_database("orris_runs", metadata), "orris_runs", metadata)
"""

from __future__ import annotations

import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from tests.servers.postgres import Server, postgres

# Returns the URL of a database: empty, or, given both, with the tables of a package. That is for speed only.
NewDatabase = Callable[..., str]
Key = tuple[str | None, sa.MetaData | None]


def plan_of(engine: sa.Engine, query: sa.Select[Any]) -> str:
    """Return how a database answers a query: the indexes that it uses, and "sorted" where none gives the order."""
    text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # a table of a test is too small for an index
            rows = connection.exec_driver_sql(f"EXPLAIN {text}").all()
    return " ".join(row[-1] for row in rows).replace("Sort Key", "sorted").replace("TEMP B-TREE", "sorted")


def until_somebody_waits(connection: sa.Connection, count: int = 1, unless: Callable[[], bool] = lambda: False) -> None:
    """Return when so many transactions wait for this one, or for who waits; in SQLite, where all do, at once."""
    waiting = sa.text(
        "WITH RECURSIVE behind(pid) AS (SELECT pg_backend_pid() UNION SELECT locks.pid FROM pg_locks AS locks, behind"
        " WHERE NOT locks.granted AND behind.pid = ANY(pg_blocking_pids(locks.pid))) SELECT count(*) - 1 FROM behind"
    )
    end = time.monotonic() + 10
    while connection.dialect.name == "postgresql" and connection.scalar(waiting) < count and not unless():
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.01)


class Databases:
    """The databases of a server: each test has one of its own, which is emptied for the next when it has ended.

    That takes some milliseconds; to make a database takes a tenth of a second.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._prefix = f"orris_test_{secrets.token_hex(4)}"
        self._free: defaultdict[Key, list[str]] = defaultdict(list)
        self._names: list[str] = []

    @contextmanager
    def new(self, package: str | None = None, metadata: sa.MetaData | None = None) -> Iterator[str]:
        """Give the URL of a database until the block ends."""
        key = (package, metadata)
        name = self._free[key].pop() if self._free[key] else self._make(key)
        yield self.server.url_of(name)
        with psycopg.connect(self.server.url_of(name)) as connection:
            connection.execute("SET lock_timeout = '10s'")
            if package is None or metadata is None:
                _drop_schemas(connection)
            else:
                _delete_rows(connection, package.removeprefix("orris_"), metadata)
        self._free[key].append(name)

    def close(self) -> None:
        """Remove them all."""
        for name in self._names:
            self.server.drop(name)

    def _make(self, key: Key) -> str:
        name = f"{self._prefix}_{len(self._names)}"
        self._names.append(name)
        url, (package, metadata) = self.server.create(name), key
        if package is not None and metadata is not None:
            from orris_kit.database import open_database  # not in the process of the client's tests: see conftest.py

            open_database(url, package, metadata).dispose()
        return name


def _delete_rows(connection: psycopg.Connection[Any], schema: str, metadata: sa.MetaData) -> None:
    tables = [sql.Identifier(schema, table.name) for table in reversed(metadata.sorted_tables)]
    connection.execute(sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in tables))
    found = connection.execute("SELECT schemaname, sequencename FROM pg_sequences").fetchall()
    for each in found:
        connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(*each)))


def _drop_schemas(connection: psycopg.Connection[Any]) -> None:
    found = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
    ).fetchall()
    for (schema,) in found:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    """The PostgreSQL server of this session: ORRIS_TEST_POSTGRES, else one of its own."""
    with ExitStack() as stack:
        url = os.environ.get("ORRIS_TEST_POSTGRES")
        made = Databases(Server(url) if url else stack.enter_context(postgres()))
        stack.callback(made.close)
        yield made


@pytest.fixture
def new_postgres(postgres_databases: Databases) -> Iterator[NewDatabase]:
    """Make PostgreSQL databases; for tests marked `needs("postgres")`."""
    with ExitStack() as stack:
        yield lambda *tables: stack.enter_context(postgres_databases.new(*tables))


@pytest.fixture
def new_sqlite(tmp_path: Path) -> NewDatabase:
    """Make SQLite databases."""
    numbers = count()
    return lambda *_: f"sqlite:///{tmp_path / 'databases' / f'{next(numbers)}.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Make databases, of each kind in turn."""
    made: NewDatabase = request.getfixturevalue(f"new_{request.param}")
    return made
