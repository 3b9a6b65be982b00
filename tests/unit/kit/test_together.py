"""Transactions that are shared: each is done or undone as if it were alone, and durable when it returns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

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


async def test_from_an_event_loop_each_is_done_or_undone_alone_too(engine: sa.Engine) -> None:
    together, told = Together(engine), list[int]()

    async def write(number: int) -> int | str:
        try:
            return await together.write_soon(lambda connection: insert(connection, number), told.append)
        except ValueError as error:
            return f"failed {error}"

    answers = await asyncio.gather(*map(write, range(1, 200)))
    assert answers == [f"failed {number}" if number % 3 == 0 else number for number in range(1, 200)]
    assert stored(engine) == sorted(told) == [number for number in range(1, 200) if number % 3]


async def test_what_an_event_loop_wants_meanwhile_is_one_transaction(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL commits together by itself")
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    together = Together(engine)
    begun, go_on = threading.Event(), threading.Event()

    def first(connection: sa.Connection) -> None:
        begun.set()
        go_on.wait(5)

    writing: list[asyncio.Future[Any]] = [asyncio.ensure_future(together.write_soon(first, lambda _: None))]
    await asyncio.to_thread(begun.wait, 5)
    for number in (1, 2, 4, 5):
        wanted = partial(insert, number=number)
        writing.append(asyncio.ensure_future(together.write_soon(wanted, lambda _: None)))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*writing)
    assert len(commits) == 2
    assert stored(engine) == [1, 2, 4, 5]


async def test_who_is_canceled_holds_nobody_up_and_what_they_wanted_is_done(engine: sa.Engine) -> None:
    together = Together(engine)
    canceled = asyncio.ensure_future(together.write_soon(partial(insert, number=1), lambda _: None))
    await asyncio.sleep(0)
    canceled.cancel()
    await together.write_soon(partial(insert, number=2), lambda _: None)
    with pytest.raises(asyncio.CancelledError):
        await canceled
    assert stored(engine) == [1, 2]


async def test_what_fails_after_it_was_stored_is_said_to_its_own(engine: sa.Engine) -> None:
    together = Together(engine)

    def fail(number: int) -> None:
        if number == 1:
            raise RuntimeError("not told")

    writing = [together.write_soon(partial(insert, number=number), fail) for number in (1, 2)]
    answers = await asyncio.gather(*writing, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["not told", "2"]
    assert stored(engine) == [1, 2]
