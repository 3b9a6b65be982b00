"""From a URL to an engine whose tables are those that the code expects."""

from __future__ import annotations

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import sqlite
from orris_kit.database.transactions import take_turn, write
from orris_kit.migration import bring_up_to_date


def open_database(url: str, package: str, metadata: sa.MetaData) -> sa.Engine:
    """Return an engine on a database whose tables are those of `metadata`.

    An empty database gets the tables; an older one is migrated by `<package>/migrations`. `url` is SQLAlchemy's, or a
    path for SQLite. Raises FailedPrecondition (DATABASE_TOO_NEW) when a newer Orris has written it.
    """
    engine = make_engine(url, package)
    try:
        prepare(engine, package, metadata)
    except BaseException:
        engine.dispose()
        raise
    return engine


def prepare(engine: sa.Engine, package: str, metadata: sa.MetaData) -> None:
    """Make the tables of `metadata`, or migrate those that are there. Those who start together take turns."""
    with write(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        take_turn(connection, "migration")
        bring_up_to_date(connection, package, metadata)


def make_engine(url: str, package: str) -> sa.Engine:
    """Return an engine on a database as it is. Raises InvalidArgument for a URL of neither kind."""
    address = _parse(url if "://" in url else f"sqlite:///{url}")
    if address.get_backend_name() == "sqlite":
        return sqlite.make_engine(address)
    if address.drivername not in ("postgresql", "postgresql+psycopg", "postgres"):
        message = f"databases are sqlite:///PATH or postgresql://HOST/NAME, not {address.drivername}"
        raise InvalidArgument(message, reason="UNKNOWN_DATABASE")
    from orris_kit.database import postgresql  # for those who have one

    return postgresql.make_engine(address.set(drivername="postgresql+psycopg"), package.removeprefix("orris_"))


def _parse(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Neither the URL nor what was wrong with it is repeated: a password may be in it.
        message = "the database's URL cannot be read; special characters of a password are written as %XX"
        raise InvalidArgument(message, reason="UNKNOWN_DATABASE") from None
