"""Events: each once and in order; what a program reported wrongly becomes a warning, and the rest goes on."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from orris.errors import InvalidArgument, OutOfRange
from orris.runs.v1.agents_service_pb2 import RunEvent
from orris_runs.event_translation import event
from orris_runs.model import (
    Address,
    Event,
    Kind,
    MetricPoint,
    MetricType,
    PropertyChange,
    Run,
    Scalar,
    TagChange,
    Unreadable,
    Warned,
)

from .conftest import World

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def point(value: Scalar = 1.0, name: str = "Accuracy", **more: Any) -> MetricPoint:
    return MetricPoint(name, MetricType.SCALAR, NOW, value=value, **more)


def points(world: World, run: Run, metric: str = "", size: int = 100) -> list[MetricPoint]:
    return list(world.core.events.list_metrics("default", run.id, metric, size, "").items)


def append(world: World, *events: Event) -> Run:
    world.agent(replica_slots=1)
    run, lease = world.start()
    world.core.events.append(lease, 0, events)
    return world.get(run)


def test_events_sent_again_are_applied_once(world: World) -> None:
    world.agent()
    run, lease = world.start()
    send = world.core.events.append
    assert send(lease, 0, [point(1.0), point(2.0)]) == 2
    assert send(lease, 0, [point(1.0), point(2.0)]) == 2
    assert send(lease, 1, [point(2.0), point(3.0)]) == 3
    assert [(each.sequence, each.value) for each in points(world, run)] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert ("run", run.key) in world.notified


def test_a_gap_is_refused_and_says_where_to_go_on(world: World) -> None:
    world.agent()
    _, lease = world.start()
    with pytest.raises(OutOfRange) as caught:
        world.core.events.append(lease, 1, [point()])
    assert (caught.value.reason, caught.value.metadata) == ("EVENT_GAP", {"next_sequence": "0"})


@pytest.mark.parametrize("value", [1, 1.0, True, None, "text", -0.0, 2**63 - 1, 1e308, math.inf, -math.inf])
def test_values_keep_their_type(world: World, value: Scalar) -> None:
    (kept,) = points(world, append(world, point(value, step=7)))
    assert (kept.value, type(kept.value), kept.step) == (value, type(value), 7)


def test_nan_is_kept(world: World) -> None:
    (kept,) = points(world, append(world, point(math.nan)))
    assert isinstance(kept.value, float)
    assert math.isnan(kept.value)


def test_rows_keep_their_cells(world: World) -> None:
    row = MetricPoint("table", MetricType.ROW, NOW, cells={"b": 1, "a": "x", "none": None})
    (kept,) = points(world, append(world, row))
    assert kept.cells == {"b": 1, "a": "x", "none": None}


def test_tags_and_properties_are_applied(world: World) -> None:
    run = append(
        world,
        TagChange("t", "1"),
        TagChange("t", "2"),
        TagChange("u", "x"),
        TagChange("u", None),
        PropertyChange("p", "q"),
    )
    assert (run.tags, run.properties) == ({"t": "2"}, {"p": "q"})


def test_a_property_keeps_its_first_value_with_a_warning(world: World) -> None:
    run = append(world, PropertyChange("p", "first"), PropertyChange("p", "first"), PropertyChange("p", "other"))
    assert run.properties == {"p": "first"}
    assert len(run.warnings) == 1


@pytest.mark.parametrize(
    "bad",
    [
        Unreadable("line 3 is no JSON"),
        point(name=""),
        point(name="x" * 256),
        point("x" * 10_000),
        MetricPoint("t", MetricType.ROW, NOW, cells={str(number): 1 for number in range(101)}),
        MetricPoint("t", MetricType.ROW, NOW, cells={"x" * 300: 1}),
        TagChange("", "x"),
        PropertyChange("k", "x" * 5000),
        Address("127.0.0.1:80"),
        Address("no address"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_a_warning_and_keeps_its_place(world: World, bad: Event) -> None:
    run = append(world, bad, point(2.0))
    assert [(each.sequence, each.value) for each in points(world, run)] == [(1, 2.0)]
    assert len(run.warnings) == 1


def test_what_people_are_to_know_is_a_warning_once(world: World) -> None:
    run = append(world, Warned("rack-7 does no work"), Warned("rack-7 does no work"), Warned(""), point(2.0))
    assert run.warnings == ["rack-7 does no work"]
    assert event(RunEvent(warning="x")) == Warned("x")


def test_warnings_are_finite(world: World) -> None:
    run = append(world, *(Unreadable(f"line {number} " + "x" * 5000) for number in range(200)))
    assert len(run.warnings) == 50
    assert max(map(len, run.warnings)) <= 1000


def test_tags_are_finite(world: World) -> None:
    run = append(world, *(TagChange(str(number), "x") for number in range(150)))
    assert len(run.tags) == 100


def test_a_replica_says_where_it_answers_and_no_longer_when_it_has_ended(world: World) -> None:
    world.agent(replica_slots=1)
    run, lease = world.start(kind=Kind.REPLICA)
    world.core.events.append(lease, 0, [Address("127.0.0.1:40213")])
    assert world.get(run).address == "127.0.0.1:40213"
    world.finish(lease)
    assert world.get(run).address == ""


def test_too_many_at_once_are_refused(world: World) -> None:
    world.agent()
    _, lease = world.start()
    with pytest.raises(InvalidArgument):
        world.core.events.append(lease, 0, [point()] * 1001)
    with pytest.raises(InvalidArgument):
        world.core.events.append(lease, -1, [point()])


def test_metrics_come_in_pages_and_by_name(world: World) -> None:
    run = append(world, *(point(float(number), name="ab"[number % 2]) for number in range(5)))
    listed = world.core.events.list_metrics
    page = listed("default", run.id, "a", 2, "")
    following = listed("default", run.id, "a", 2, page.token_after(2))
    assert [each.value for each in (*page.items, *following.items)] == [0.0, 2.0, 4.0]
    assert following.token_after(1) == ""
    assert [each.value for each in listed("default", run.id, "a", 2, page.token_after(1)).items] == [2.0, 4.0]
    with pytest.raises(InvalidArgument):
        listed("default", run.id, "b", 2, page.token_after(2))
