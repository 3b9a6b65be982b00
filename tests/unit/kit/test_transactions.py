"""Transactions: all or nothing, and what is decided in one stays true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from orris_kit.database import Text, insert_new, open_database, read, take_turn, write
from tests.servers.databases import NewDatabase

metadata = sa.MetaData()
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", Text(20), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

Count = Callable[[sa.Connection], None]


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = open_database(new_database("orris_kit", metadata), "orris_kit", metadata)
    with write(engine) as connection:
        connection.execute(counters.insert().values(name="a", value=0))
    yield engine
    engine.dispose()


def value(connection: sa.Connection, name: str = "a", *, lock: bool = False) -> int | None:
    chosen = sa.select(counters.c.value).where(counters.c.name == name)
    return connection.execute(chosen.with_for_update() if lock else chosen).scalar_one_or_none()


def set_value(connection: sa.Connection, new: int) -> None:
    connection.execute(counters.update().where(counters.c.name == "a").values(value=new))


def count_the_row(connection: sa.Connection) -> None:
    now = value(connection, lock=True)
    assert now is not None
    set_value(connection, now + 1)


def count_in_turn(connection: sa.Connection) -> None:
    take_turn(connection, "counter", "a")
    now = value(connection)
    assert now is not None
    set_value(connection, now + 1)


def test_a_transaction_that_raises_changes_nothing(engine: sa.Engine) -> None:
    with pytest.raises(KeyError), write(engine) as connection:
        set_value(connection, 1)
        raise KeyError
    with read(engine) as connection:
        assert value(connection) == 0


@pytest.mark.parametrize("count", [count_the_row, count_in_turn])
def test_what_a_writer_has_read_stays_true_until_it_commits(engine: sa.Engine, count: Count) -> None:
    """Each writes what depends on what it read: without a lock, counts would get lost."""

    def once(_: int) -> None:
        with write(engine) as connection:
            count(connection)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(once, range(40)))
    with read(engine) as connection:
        assert value(connection) == 40


def test_a_reader_sees_one_state_and_is_not_held_up_by_a_writer(engine: sa.Engine) -> None:
    with read(engine) as reader:
        assert value(reader) == 0
        with write(engine) as writer:
            set_value(writer, 1)
        assert value(reader) == 0
        take_turn(reader, "counter", "a")


def test_of_many_who_insert_the_same_one_is_first(engine: sa.Engine) -> None:
    def insert(number: int) -> int:
        with write(engine) as connection:
            return insert_new(connection, counters, [{"name": "b", "value": number}, {"name": "a", "value": number}])

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(insert, range(8))) == [0] * 7 + [1]
    with read(engine) as connection:
        assert value(connection) == 0
        assert value(connection, "b") in range(8)
        assert insert_new(connection, counters, []) == 0


def test_every_blocking_call_may_have_a_connection(engine: sa.Engine) -> None:
    """As many as run at once (orris_kit.blocking), each in a transaction of its own."""
    together = 16
    with ExitStack() as stack:
        opened = [stack.enter_context(read(engine)) for _ in range(together)]
        assert [value(each) for each in opened] == [0] * together


def test_what_was_to_be_written_is_in_no_error(engine: sa.Engine) -> None:
    """It may be a secret, and errors are logged."""
    with pytest.raises(sa.exc.IntegrityError) as caught, write(engine) as connection:
        connection.execute(counters.insert(), [{"name": "a", "value": 31337}])
    assert "31337" not in str(caught.value)
