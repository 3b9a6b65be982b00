"""Metrics as Azure shows them: a scalar, a list, or a table by columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.paging import pages

if TYPE_CHECKING:
    from orris.sdk.run import Run

PAGE = 10_000
TABLES = frozenset({runs_pb2.MetricPoint.TYPE_ROW, runs_pb2.MetricPoint.TYPE_TABLE})


def fetch(run: Run, name: str | None = None) -> dict[str, Any]:
    """Return a run's metrics, or only the one called `name`, in Azure's shapes."""
    request = runs_service_pb2.ListRunMetricsRequest(parent=run.resource_name, metric=name or "", page_size=PAGE)
    points = pages(run.workspace.connection.runs.ListRunMetrics, request, lambda page: page.points)
    return shape(points, run.id)


def shape(points: Iterable[runs_pb2.MetricPoint], run_id: str) -> dict[str, Any]:
    """Return the points of each metric as one value, metrics in the order of their first points.

    Logged once by `log`: the value. Logged more often, or by `log_list`: the list. Rows and tables: a list by column,
    None where a row lacks a cell. Images and other files: `aml://artifactId/…`.
    """
    grouped: dict[str, list[runs_pb2.MetricPoint]] = {}
    for point in points:
        grouped.setdefault(point.metric, []).append(point)
    return {name: _shape_one(each, run_id) for name, each in grouped.items()}


def _shape_one(points: list[runs_pb2.MetricPoint], run_id: str) -> Any:
    if any(point.type in TABLES for point in points):
        return _table(points)
    values = [_value(point, run_id) for point in points]
    single = len(values) == 1 and points[0].type != runs_pb2.MetricPoint.TYPE_LIST
    return values[0] if single else values


def _table(points: list[runs_pb2.MetricPoint]) -> dict[str, list[Any]]:
    columns = dict.fromkeys(name for point in points for name in sorted(point.cells))
    return {name: [plain(point.cells[name]) if name in point.cells else None for point in points] for name in columns}


def _value(point: runs_pb2.MetricPoint, run_id: str) -> Any:
    value = plain(point.value)
    if point.type == runs_pb2.MetricPoint.TYPE_ARTIFACT:
        return f"aml://artifactId/ExperimentRun/dcid.{run_id}/{value}"
    return value


def plain(value: runs_pb2.MetricValue) -> float | int | bool | str | None:
    """Return a metric's value as Python's own."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    result: float | int | bool | str = getattr(value, kind)
    return result
