"""Lines of a run's journal become events; whatever a run writes there, the agent goes on."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.journal import parse


def event(**fields: Any) -> Any:
    return parse(json.dumps({"time": 1.5, **fields}).encode())


def test_a_scalar_keeps_its_name_step_time_and_value() -> None:
    point = event(event="metric", name="Accuracy", type="scalar", value=0.97, step=3).metric
    assert (point.metric, point.step, point.value.number) == ("Accuracy", 3, 0.97)
    assert point.type == runs.MetricPoint.TYPE_SCALAR
    assert point.time.ToNanoseconds() == 1_500_000_000


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "boolean"), (3, "integer"), (0.5, "number"), ("x", "text"), (2**80, "number")]
)
def test_values_keep_their_kind(value: object, kind: str) -> None:
    assert event(event="metric", name="m", type="scalar", value=value).metric.value.WhichOneof("kind") == kind


def test_null_is_a_value_without_a_kind() -> None:
    assert event(event="metric", name="m", type="scalar", value=None).metric.value.WhichOneof("kind") is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_kept(value: float) -> None:
    number = event(event="metric", name="m", type="scalar", value=value).metric.value.number
    assert number == value or (math.isnan(number) and math.isnan(value))


def test_a_row_has_cells_by_column() -> None:
    cells = event(event="metric", name="t", type="row", cells={"a": 1, "b": "x"}).metric.cells
    assert (cells["a"].integer, cells["b"].text) == (1, "x")


def test_tags_properties_and_addresses() -> None:
    assert event(event="tag", key="k", value=None).tag.value == ""
    assert event(event="untag", key="k").tag.remove
    assert event(event="property", key="k", value="v").property.value == "v"
    assert event(event="address", value="127.0.0.1:1").address == "127.0.0.1:1"
    assert event(event="warning", text="rack-7 does no work").warning == "rack-7 does no work"
    assert event(event="warning", text=7).unreadable


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"not json",
        b"\xff\xfe",
        b'{"event": "shutdown"}',
        b'{"event": "metric", "name": 1, "type": "scalar", "value": 1, "time": 1}',
        b'{"event": "metric", "name": "m", "type": "odd", "value": 1, "time": 1}',
        b'{"event": "metric", "name": "m", "type": "scalar", "value": [1], "time": 1}',
        b'{"event": "metric", "name": "m", "type": "scalar", "value": 1, "time": 1e300}',
        b'{"event": "metric", "name": "m", "type": "scalar", "value": 1, "step": 1e3, "time": 1}',
        b'{"event": "metric", "name": "\\ud800", "type": "scalar", "value": 1, "time": 1}',
        b'{"event": "address", "value": "10.0.0.1:80", "time": 1}',
        b'{"event": "address", "value": "unix:/run/other.sock", "time": 1}',
        b'{"event": "address", "value": "127.0.0.1", "time": 1}',
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_unreadable_and_says_why(line: bytes) -> None:
    assert parse(line).WhichOneof("event") == "unreadable"


@given(st.binary(max_size=200))
def test_no_line_breaks_the_agent(line: bytes) -> None:
    parse(line).SerializeToString()


@pytest.mark.parametrize("value", ["127.0.0.1:6750", "0.0.0.0:6750", "10.0.0.8:80"])
def test_a_replica_in_a_container_is_where_the_engine_has_published_it(value: str) -> None:
    """Whatever it says: only that it answers now is its own business."""
    line = json.dumps({"time": 1.5, "event": "address", "value": value}).encode()
    assert parse(line, published="127.0.0.1:40001").address == "127.0.0.1:40001"


@pytest.mark.parametrize("value", ["0.0.0.0:6750", "10.0.0.8:80", "127.0.0.1", "127.0.0.1:0", "", None])
def test_a_replica_of_this_machine_names_no_other(value: str | None) -> None:
    assert event(event="address", value=value).HasField("unreadable")


def test_an_event_of_a_child_says_whose_it_is() -> None:
    line = b'{"event": "end", "child": "c1", "state": "Failed", "message": "no", "label": "ValueError", "time": 1}'
    event = parse(line)
    assert (event.child, event.end.error.message, event.end.error.label) == ("c1", "no", "ValueError")
    assert event.end.state == runs.Run.STATE_FAILED
    for wrong in (b'{"event": "end", "child": "c1", "state": "Running", "time": 1}', line.replace(b'"c1"', b"1")):
        assert parse(wrong).WhichOneof("event") == "unreadable"
