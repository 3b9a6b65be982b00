"""Metrics come in Azure's shapes."""

from __future__ import annotations

import math
from typing import Any

from orris.runs.v1.runs_pb2 import MetricPoint, MetricValue
from orris.sdk.run_metrics import shape

SCALAR, LIST, ROW = MetricPoint.TYPE_SCALAR, MetricPoint.TYPE_LIST, MetricPoint.TYPE_ROW
TABLE, ARTIFACT = MetricPoint.TYPE_TABLE, MetricPoint.TYPE_ARTIFACT


def value(of: Any) -> MetricValue:
    if of is None:
        return MetricValue()
    kind = {bool: "boolean", int: "integer", float: "number", str: "text"}[type(of)]
    return MetricValue(**{kind: of})


def point(kind: Any, of: Any = None, **cells: Any) -> MetricPoint:
    shown = {key: value(each) for key, each in cells.items()}
    return MetricPoint(metric="m", type=kind, value=None if cells else value(of), cells=shown)


def one(*points: MetricPoint) -> Any:
    return shape(points, "run_1")["m"]


def test_logged_once_is_the_value() -> None:
    assert one(point(SCALAR, 0.5)) == 0.5


def test_logged_again_is_the_list() -> None:
    assert one(point(SCALAR, 1), point(SCALAR, 2)) == [1, 2]


def test_log_list_is_a_list_even_of_one() -> None:
    assert one(point(LIST, 1)) == [1]


def test_values_keep_their_kinds() -> None:
    assert one(*(point(SCALAR, each) for each in (True, 3, 2.5, "x", None))) == [True, 3, 2.5, "x", None]
    assert math.isnan(one(point(SCALAR, math.nan)))


def test_rows_are_columns_with_none_where_a_cell_is_missing() -> None:
    assert one(point(ROW, x=1, y=2.0), point(ROW, x=3), point(TABLE, z="a")) == {
        "x": [1, 3, None],
        "y": [2.0, None, None],
        "z": [None, None, "a"],
    }


def test_an_artifact_is_its_address() -> None:
    assert one(point(ARTIFACT, "plot.png")) == "aml://artifactId/ExperimentRun/dcid.run_1/plot.png"
