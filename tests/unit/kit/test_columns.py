"""Columns: what is kept comes back, in the same order everywhere; what cannot be kept is refused everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import JSON, Text, UtcDateTime, open_database, partial_index, read, write
from tests.servers.databases import NewDatabase

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("name", Text(20), primary_key=True),
    sa.Column("time", UtcDateTime),
    sa.Column("note", Text()),
    sa.Column("content", JSON),
)


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = open_database(new_database("orris_kit", metadata), "orris_kit", metadata)
    yield engine
    engine.dispose()


def keep(engine: sa.Engine, **columns: Any) -> Any:
    with write(engine) as connection:
        connection.execute(things.insert().values({"name": "a", **columns}))
    with read(engine) as connection:
        return connection.execute(sa.select(things)).one()


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
    back = keep(engine, time=moment).time
    assert back == moment
    assert back.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.StatementError, match="time zone"):
        keep(engine, time=datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake


def test_text_has_as_many_characters_as_its_column(engine: sa.Engine) -> None:
    assert keep(engine, name="\U0001f33c" * 20, note="x" * 100_000).name == "\U0001f33c" * 20


@pytest.mark.parametrize("name", ["x" * 21, "a\0b", "\ud800"])
def test_text_that_one_database_refuses_is_refused_by_all(engine: sa.Engine, name: str) -> None:
    with pytest.raises(InvalidArgument):
        keep(engine, name=name)
    with pytest.raises(InvalidArgument), read(engine) as connection:
        connection.execute(sa.select(things).where(things.c.name == name))


def test_text_is_sorted_and_compared_by_code_points(engine: sa.Engine) -> None:
    """A dictionary would have a-b behind ab, and B behind a."""
    names = ["B", "a", "a-b", "ab", "b", "\u00e4", "\U0001f33c"]
    with write(engine) as connection:
        connection.execute(things.insert(), [{"name": name} for name in reversed(names)])
    with read(engine) as connection:
        chosen = sa.select(things.c.name).order_by(things.c.name)
        assert list(connection.execute(chosen).scalars()) == names == sorted(names)
        assert list(connection.execute(chosen.where(things.c.name > "a")).scalars()) == names[2:]
        assert connection.execute(sa.select(sa.func.max(things.c.name))).scalar() == names[-1]


@pytest.mark.parametrize("content", [{"a\0": ["\ud800", "\u00e4", 1, 1.5, None]}, [], math.inf, 2**70])
def test_json_comes_back_whatever_it_holds(engine: sa.Engine, content: Any) -> None:
    assert keep(engine, content=content).content == content


def test_json_has_what_is_not_a_number(engine: sa.Engine) -> None:
    assert math.isnan(keep(engine, content={"rate": math.nan}).content["rate"])


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://"])
def test_a_partial_index_is_one_in_every_database(url: str) -> None:
    made = sa.MetaData()
    time = sa.Table("runs", made, sa.Column("time", UtcDateTime)).c.time
    partial_index("runs_timed", time, where=time.is_not(None))
    statements: list[str] = []
    dialect = sa.make_url(url).get_dialect()()
    mocked = sa.create_mock_engine(url, lambda made, *_, **__: statements.append(str(made.compile(dialect=dialect))))
    made.create_all(mocked, checkfirst=False)
    assert statements[-1] == "CREATE INDEX runs_timed ON runs (time) WHERE time IS NOT NULL"
