"""Transactions that are shared: each is done or undone as if it were alone, and durable when it returns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from orris_kit.database import Together, read
from orris_kit.database.opening import make_engine
from tests.servers.databases import NewDatabase

metadata = sa.MetaData()
things = sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = make_engine(new_database(), "orris_test")
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS test")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def stored(engine: sa.Engine) -> list[int]:
    with read(engine) as connection:
        return list(connection.execute(sa.select(things.c.id).order_by(things.c.id)).scalars())


def insert(connection: sa.Connection, number: int) -> int:
    connection.execute(things.insert().values(id=number))
    if number % 3 == 0:
        raise ValueError(number)
    return number


def test_what_raises_is_undone_alone(engine: sa.Engine) -> None:
    together = Together(engine)

    def write(number: int) -> int | str:
        try:
            return together.write(lambda connection: insert(connection, number))
        except ValueError as error:
            return f"failed {error}"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(write, range(1, 40)))
    assert answers == [f"failed {number}" if number % 3 == 0 else number for number in range(1, 40)]
    assert stored(engine) == [number for number in range(1, 40) if number % 3]


def test_what_comes_while_one_commits_is_one_transaction(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL does that by itself")
    together = Together(engine)
    commits: list[sa.Connection] = []
    busy, go = threading.Event(), threading.Event()
    event.listen(engine, "commit", commits.append)

    def slow(connection: sa.Connection) -> None:
        insert(connection, 1)
        busy.set()
        assert go.wait(10)

    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(together.write, slow)
        assert busy.wait(10)
        others = [threads.submit(together.write, lambda c, n=n: insert(c, n)) for n in (2, 4, 5, 7)]
        while len(together._coming) < 4:
            pass
        go.set()
        assert [each.result() for each in others] == [2, 4, 5, 7]
        first.result()
    assert len(commits) == 2
    assert stored(engine) == [1, 2, 4, 5, 7]
