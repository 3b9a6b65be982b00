"""Statements that are prepared do what SQLAlchemy does with the same, in every database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import DatabaseUnavailable, Statement, Text, UtcDateTime, among, read, write
from orris_kit.database.opening import make_engine
from tests.servers.databases import NewDatabase

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("key", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("name", Text(10), nullable=False, unique=True),
    sa.Column("time", UtcDateTime),
    sa.Column("big", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("size", sa.Double),
)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
INSERT = Statement(things.insert().returning(things))
ALL = Statement(sa.select(things).order_by(things.c.key))
NAMED = sa.select(things).where(things.c.name == sa.bindparam("named"))
CHANGE = Statement(things.update().where(things.c.key == sa.bindparam("at")))
GROW = Statement(things.update().values(size=things.c.size + sa.bindparam("more")))


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = make_engine(new_database(), "orris_test")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS test")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_rows_are_those_of_sqlalchemy(engine: sa.Engine) -> None:
    with write(engine) as connection:
        row = INSERT.first(connection, {"name": "ä", "time": NOW, "size": 0.1})
        assert (row.key, row.name, row.time, row.big, row.size) == (1, "ä", NOW, False, 0.1)
        assert INSERT.value(connection, {"name": "b", "big": True}) == 2
        assert CHANGE.run(connection, {"at": 2, "size": 2.0, "time": NOW}) == 1
        assert CHANGE.run(connection, {"at": 3, "size": 3.0}) == 0
        assert GROW.run(connection, {"more": 1.5}) == 2
        found = ALL.all(connection)
        assert found == [(1, "ä", NOW, False, 1.6), (2, "b", NOW, True, 3.5)]
        assert found == connection.execute(ALL.statement).all()
        assert ALL.values(connection) == [1, 2]


def test_nothing_found_is_none(engine: sa.Engine) -> None:
    find = Statement(NAMED)
    with read(engine) as connection:
        assert find.first(connection, {"named": "x"}) is None
        assert find.value(connection, {"named": "x"}) is None
        assert find.all(connection, {"named": "x"}) == []


def test_many_rows_are_one_call(engine: sa.Engine) -> None:
    insert = Statement(things.insert())
    with write(engine) as connection:
        assert insert.run_all(connection, []) == 0
        assert insert.run_all(connection, [{"name": "a", "time": NOW}]) == 1
        assert insert.run_all(connection, [{"name": name, "time": NOW} for name in "bcd"]) == 3
        assert [row.time for row in ALL.all(connection)] == [NOW] * 4


def test_a_list_is_one_value(engine: sa.Engine) -> None:
    among_them = Statement(sa.select(things.c.name).where(among(things.c.name, "names")).order_by(things.c.name))
    with write(engine) as connection:
        Statement(things.insert()).run_all(connection, [{"name": name} for name in ("a", "b'", '"c', "%s", "ä")])
        assert among_them.values(connection, {"names": []}) == []
        assert among_them.values(connection, {"names": ["a", "x"]}) == ["a"]
        assert among_them.values(connection, {"names": ("ä", '"c', "%s", "b'", "a")}) == ['"c', "%s", "a", "b'", "ä"]
        assert connection.execute(among_them.statement, {"names": ["ä"]}).scalars().all() == ["ä"]


def test_an_index_finds_what_is_in_a_list(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL reads a table of a few rows as a whole")
    query = sa.select(things).where(things.c.big == sa.bindparam("big"), among(things.c.name, "names"))
    with read(engine) as connection:
        text = query.compile(engine).string
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (True, "[]")).all()
    assert any("USING INDEX" in step.detail and "name=?" in step.detail for step in plan), plan


def test_one_statement_serves_several_databases(new_database: NewDatabase) -> None:
    for _ in range(2):
        engine = make_engine(new_database(), "orris_test")
        metadata.create_all(engine)
        with write(engine) as connection:
            assert INSERT.value(connection, {"name": "a"}) == 1
        engine.dispose()


def test_what_a_column_refuses_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(InvalidArgument, match="over 10 characters"), write(engine) as connection:
        INSERT.first(connection, {"name": "a" * 11})
    with pytest.raises(sa.exc.CompileError, match="no_column"), write(engine) as connection:
        INSERT.first(connection, {"no_column": 1})


def test_errors_are_those_of_sqlalchemy_and_the_connection_is_of_use(engine: sa.Engine) -> None:
    with write(engine) as connection:
        INSERT.first(connection, {"name": "a"})
    with pytest.raises(sa.exc.IntegrityError), write(engine) as connection:
        INSERT.first(connection, {"name": "a"})
    with write(engine) as connection:
        INSERT.first(connection, {"name": "b"})
        assert [row.name for row in ALL.all(connection)] == ["a", "b"]


def test_a_connection_that_is_lost_is_known_and_not_used_again(engine: sa.Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no connections to lose")
    with pytest.raises(DatabaseUnavailable) as caught, write(engine) as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        ALL.all(connection)
    assert caught.value.reason == "DATABASE_UNREACHABLE"
    with write(engine) as connection:
        assert ALL.all(connection) == []
