"""Whether what is sent is like the sample."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from orris_inference.drift import Drift
from orris_inference.reference import Reference
from orris_inference.signature import Column, ColumnType, Signature
from orris_inference.statistics import WINDOW_SECONDS, Statistics

MIXED = Signature(("predict",), (Column("age", ColumnType.NUMBER), Column("city", ColumnType.TEXT)))
CITIES = ("Ulm", "Bonn", "Kiel")


def people(count: int, age: float = 40.0, cities: tuple[str, ...] = CITIES) -> list[list[object]]:
    chance = random.Random(7)
    return [[chance.gauss(age, 10), chance.choice(cities)] for _ in range(count)]


def reference(rows: int = 500) -> Reference:
    sample = [dict(zip(("age", "city"), row, strict=True)) for row in people(rows)]
    made = Reference.of(json.dumps(sample), MIXED)
    assert made is not None
    return made


async def indices(drift: Drift) -> dict[str, float | None]:
    await drift.settled()
    return {each.column: each.index for each in drift.columns()}


async def test_what_is_like_the_sample_is_no_drift() -> None:
    drift = Drift(reference(), after=0)
    drift.offer(people(1000))
    found = await indices(drift)
    assert found["age"] is not None
    assert found["city"] is not None
    assert found["age"] < 0.1
    assert found["city"] < 0.1


async def test_only_the_column_that_shifts_is_told_of() -> None:
    drift = Drift(reference(), after=0)
    drift.offer(people(1000, age=65))
    found = await indices(drift)
    assert (found["age"] or 0) > 0.25
    assert (found["city"] or 1) < 0.1


async def test_values_the_sample_did_not_have_are_a_shift() -> None:
    drift = Drift(reference(), after=0)
    drift.offer(people(1000, cities=("Rome",)))
    assert ((await indices(drift))["city"] or 0) > 1


async def test_rows_tables_and_columns_count_alike() -> None:
    signature = Signature(("predict",), (Column("a", ColumnType.NUMBER), Column("b", ColumnType.NUMBER)))
    table = np.random.default_rng(3).normal(size=(200, 2))
    made = Reference.of(json.dumps(table.tolist()), signature)
    assert made is not None
    counted = [
        [each.tolist() for each in made.counts_of([(form, 200)])]
        for form in (table.tolist(), {"X": table}, {"a": table[:, [0]], "b": table[:, [1]]})
    ]
    assert counted[0] == counted[1] == counted[2]
    assert sum(counted[0][0]) == 200


async def test_missing_values_are_counted_by_themselves() -> None:
    drift = Drift(reference(), after=0)
    drift.offer([[None, None], [float("nan"), "Ulm"], [1.0, "Ulm"]])
    await drift.settled()
    assert [(each.values, each.missing) for each in drift.columns()] == [(3, 2), (3, 1)]


@pytest.mark.parametrize(("sample", "sent"), [(10, 500), (500, 10)])
async def test_of_a_few_rows_nothing_is_said(sample: int, sent: int) -> None:
    drift = Drift(reference(sample), after=0)
    drift.offer(people(sent))
    assert set((await indices(drift)).values()) == {None}


async def test_however_much_comes_a_bounded_part_is_counted() -> None:
    drift = Drift(reference(), after=0)
    for _ in range(10):
        drift.offer(people(1500))
    await drift.settled()
    assert drift.rows == 2000


async def test_an_hour_later_it_is_forgotten() -> None:
    now = [0.0]
    drift = Drift(reference(), clock=lambda: now[0], after=0)
    drift.offer(people(100))
    await drift.settled()
    assert drift.rows == 100
    now[0] = 3700.0
    assert drift.rows == 0


@pytest.mark.parametrize("sample", ["", "{", "[]", "7", "[[1]]", '[{"age": 1}]', '[[1, "a"], [2]]'])
def test_a_sample_that_cannot_be_used_is_none(sample: str) -> None:
    assert Reference.of(sample, MIXED) is None


def test_the_last_minute_is_told_apart_from_all() -> None:
    now = [100.0]
    statistics = Statistics(clock=lambda: now[0])
    statistics.answered_in(0.01)
    statistics.failed("INVALID_ARGUMENT")
    recent, failed, seconds = statistics.recent()
    assert (recent.count, failed, seconds) == (1, 1, 1.0)
    now[0] += WINDOW_SECONDS + 5
    recent, failed, seconds = statistics.recent()
    assert (recent.count, failed, seconds) == (0, 0, WINDOW_SECONDS)
    assert statistics.answered.count == 1
    assert statistics.errors == {"INVALID_ARGUMENT": 1}


async def test_what_was_counted_goes_on_where_the_sample_is_the_same() -> None:
    before = Statistics()
    before.answered_in(0.01)
    before.failed("INVALID_ARGUMENT")
    before.compare(drift := Drift(reference(), after=0))
    drift.offer(people(1000, age=65))
    await drift.settled()
    kept = json.dumps(before.kept())
    same, other = Statistics(), Statistics()
    for after in (same, other):
        after.take_up(json.loads(kept))
        assert json.dumps(after.kept()) == kept, "also before a deployment is up again"
        assert (after.answered.count, after.errors, after.begin_time) == (1, before.errors, before.begin_time)
    same.compare(again := Drift(reference(), after=0))
    assert again.columns() == drift.columns()
    again.offer(people(10))
    await again.settled()
    assert (again.rows, drift.rows) == (1010, 1000)
    other.compare(anew := Drift(reference(300), after=0))
    assert anew.rows == 0


def test_counts_in_other_buckets_count_for_nothing() -> None:
    statistics = Statistics()
    statistics.take_up(Statistics().kept() | {"answered": [1, 2], "errors": {"INTERNAL": 3}})
    assert (statistics.answered.count, statistics.errors.total()) == (0, 0)
