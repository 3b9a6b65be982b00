"""What the paths of files say, and which of them are chosen by that: where runs are submitted as inside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris.partitions import partition_of
from orris.sdk.path_values import PathValues
from orris.sdk.table_filter import Column
from tests.unit.sdk.test_frames import inside

FORMAT = "/{country}/{day:yyyy-MM-dd}.csv"
PATHS = ["at/2024-01-31.csv", "at/2024-02-01.csv", "de/2024-01-31.csv"]
Where = tuple[Callable[[str], Any], Callable[[str], Any], type[Exception]]


@pytest.fixture(params=["submitting", "inside"])
def where(request: pytest.FixtureRequest) -> Where:
    """What makes values of a format, what makes a column, and what is raised."""
    if request.param == "submitting":
        return PathValues, Column, InvalidArgument
    module, filters = inside("_path_values"), inside("_table_filter")
    return lambda text: module.PathValues(partition_of(text) if text else None), filters.Column, Exception


def chosen(where: Where, condition: Any) -> list[str]:
    found: list[str] = where[0](FORMAT).chosen(PATHS, getattr(condition, "message", None) or condition.condition)
    return found


def test_values_that_occur_together_are_named_once(where: Where) -> None:
    values = where[0](FORMAT)
    assert values.keys == ["country", "day"]
    assert values.distinct(PATHS, ["country"]) == [{"country": "at"}, {"country": "de"}]
    assert values.distinct(PATHS, ["day"]) == [
        {"day": datetime.fromisoformat("2024-01-31")},
        {"day": datetime.fromisoformat("2024-02-01")},
    ]
    assert len(values.distinct(PATHS)) == 3


def test_paths_are_chosen_by_text_and_moments(where: Where) -> None:
    country, day = where[1]("country"), where[1]("day")
    assert chosen(where, country == "at") == PATHS[:2]
    assert chosen(where, (country != "at") | (day >= date(2024, 2, 1))) == PATHS[1:]
    assert chosen(where, ~(day < datetime.fromisoformat("2024-01-31T12:00"))) == [PATHS[1]]
    assert chosen(where, country.is_null()) == []
    assert chosen(where, country.isin(["at", "fr"]) & ~day.isin([date(2024, 1, 31)])) == [PATHS[1]]
    assert chosen(where, country.starts_with("d") | country.ends_with("e") | country.contains("de")) == [PATHS[2]]


@pytest.mark.parametrize(("column", "value"), [("country", 1), ("day", "2024"), ("day", datetime.now(UTC)), ("x", "y")])
def test_what_a_column_cannot_be_compared_with_is_said(where: Where, column: str, value: Any) -> None:
    with pytest.raises(where[2], match=r"filter: the column|they say country, day"):
        chosen(where, where[1](column) == value)


def test_moments_do_not_begin_like_a_text(where: Where) -> None:
    with pytest.raises(where[2], match="the column 'day' has moments"):
        chosen(where, where[1]("day").starts_with("2024"))


def test_paths_that_say_nothing_have_no_values(where: Where) -> None:
    assert where[0]("").keys == []
    with pytest.raises(where[2], match="partition_format"):
        where[0]("").distinct(PATHS)
    with pytest.raises(where[2], match="partition_format"):
        where[0](FORMAT).of("at/2024-02-31.csv")
