"""Databases: SQLite for one machine, PostgreSQL for several; short transactions, migrations on opening.

engine = open_database(url, "orris_runs", metadata)
with write(engine) as connection: ...
with read(engine) as connection: ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from orris_kit.migration import bring_up_to_date

BUSY_SECONDS = 10
_WRITE = "orris_write"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, stored as whole microseconds since 1970: exact, in order, the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone: datetime.now(UTC)")
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def open_database(url: str, package: str, metadata: sa.MetaData) -> sa.Engine:
    """Return an engine on a database whose tables are those of `metadata`.

    An empty database gets the tables; an older one is migrated by `<package>/migrations`. `url` is SQLAlchemy's, or a
    path for SQLite. Raises FailedPrecondition (DATABASE_TOO_NEW) when a newer Orris has written it.
    """
    address = sa.make_url(url if "://" in url else f"sqlite:///{url}")
    if address.get_backend_name() == "sqlite":
        engine = _sqlite(address)
    else:
        engine = sa.create_engine(address, pool_pre_ping=True)
    try:
        bring_up_to_date(engine, package, metadata, write)
    except BaseException:
        engine.dispose()
        raise
    return engine


def partial_index(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Index:
    """Return an index on the rows of a table for which `where` is true."""
    index = sa.Index(name, *columns, sqlite_where=where)

    def complete(table: sa.Table, connection: sa.Connection, **options: Any) -> None:
        # Not before it is needed: to name an option of PostgreSQL's is to load all of its dialect.
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = where

    event.listen(columns[0].table, "before_create", complete)
    return index


@contextmanager
def write(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Run a transaction that writes: committed at the end of the block, rolled back when it raises.

    In SQLite it holds the one write lock from the beginning, so it never fails half-way for lack of it.
    """
    with engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
        yield connection


@contextmanager
def read(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Run a transaction that reads one consistent state."""
    with engine.connect() as connection, connection.begin():
        yield connection


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError("a database in memory is another one for each thread; give a file")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, record: Any) -> None:
    # The driver would begin transactions by its own rules; `_begin` does it instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS}000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
