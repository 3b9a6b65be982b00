"""Connections to a file stay open from one transaction to the next, as far as nothing went wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from orris_kit.database import sqlite
from orris_kit.database.connections import MOST_KEPT
from orris_kit.database.transactions import read, write


class Opened:
    """Counts the connections of an engine that are open."""

    def __init__(self, engine: sa.Engine) -> None:
        self.now = self.ever = 0
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "close_detached", self._closed_detached)

    def _opened(self, connection: Any, record: Any) -> None:
        self.now, self.ever = self.now + 1, self.ever + 1

    def _closed(self, connection: Any, record: Any) -> None:
        self.now -= 1

    def _closed_detached(self, connection: Any) -> None:
        self.now -= 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = sqlite.make_engine(sa.make_url(f"sqlite:///{tmp_path / 'file.db'}"))
    with write(made) as connection:
        connection.execute(sa.text("CREATE TABLE numbers (number INTEGER)"))
    yield made
    made.dispose()


def numbers(engine: sa.Engine) -> list[int]:
    with read(engine) as connection:
        return [row[0] for row in connection.execute(sa.text("SELECT number FROM numbers"))]


def put(connection: sa.Connection, number: int) -> None:
    connection.execute(sa.text("INSERT INTO numbers VALUES (:number)"), {"number": number})


def test_one_is_used_again_and_sees_what_was_written_since(engine: sa.Engine) -> None:
    opened = Opened(engine)
    for number in range(3):
        with write(engine) as connection:
            put(connection, number)
        assert numbers(engine) == list(range(number + 1))
    assert opened.ever <= 2  # one to read, one to write


def test_what_fails_leaves_nothing_and_the_next_transaction_works(engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), write(engine) as connection:
        put(connection, 1)
        raise ZeroDivisionError
    with pytest.raises(sa.exc.OperationalError), read(engine) as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    with write(engine) as connection:
        put(connection, 2)
    assert numbers(engine) == [2]


def test_transactions_at_the_same_time_have_connections_of_their_own_and_few_are_kept(engine: sa.Engine) -> None:
    opened = Opened(engine)
    with ExitStack() as stack:
        own = [stack.enter_context(read(engine)) for _ in range(4 * MOST_KEPT)]
        assert len({id(connection.connection.driver_connection) for connection in own}) == 4 * MOST_KEPT
    assert opened.now <= 3 * MOST_KEPT  # the pool keeps as many besides


def test_they_are_closed_with_the_engine(engine: sa.Engine) -> None:
    opened = Opened(engine)
    assert numbers(engine) == []
    with write(engine) as connection:
        put(connection, 1)
    engine.dispose()
    assert opened.now <= 0
    assert numbers(engine) == [1]
