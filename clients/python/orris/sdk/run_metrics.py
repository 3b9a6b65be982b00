"""Metrics as Azure shows them: a scalar, a list, or a table by columns; and as they were logged, point by point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.paging import pages
from orris.sdk.spelling import moment

if TYPE_CHECKING:
    from orris.sdk.run import Run

PAGE = 10_000
TABLES = frozenset({runs_pb2.MetricPoint.TYPE_ROW, runs_pb2.MetricPoint.TYPE_TABLE})

Scalar = float | int | bool | str | None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One logged value, or row: `value` is a dict by column then. `step` is None where none was given."""

    name: str
    value: Scalar | dict[str, Scalar]
    step: int | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """What all points of a metric come to: how many, the last, and the smallest and largest of its numbers.

    NaN is not compared; `minimum` and `maximum` are None where there is no number.
    """

    name: str
    count: int
    last: MetricPoint
    minimum: float | None
    maximum: float | None


def fetch(run: Run, name: str | None = None) -> dict[str, Any]:
    """Return a run's metrics, or only the one called `name`, in Azure's shapes."""
    return shape(_points(run, name), run.id)


def points(run: Run, name: str | None = None) -> Iterator[MetricPoint]:
    """Yield the points of one metric, or of all, in the order of logging."""
    for point in _points(run, name):
        yield _as_logged(point, run.id)


def summaries(run: Run) -> dict[str, MetricSummary]:
    """Return what the points of each metric come to, by name."""
    request = runs_service_pb2.SummarizeRunMetricsRequest(parent=run.resource_name, page_size=1000)
    found = pages(run.workspace.connection.runs.SummarizeRunMetrics, request, lambda page: page.metrics)
    return {
        each.metric: MetricSummary(
            each.metric,
            each.count,
            _as_logged(each.last, run.id),
            each.minimum if each.HasField("minimum") else None,
            each.maximum if each.HasField("maximum") else None,
        )
        for each in found
    }


def shape(points: Iterable[runs_pb2.MetricPoint], run_id: str) -> dict[str, Any]:
    """Return the points of each metric as one value, metrics in the order of their first points.

    Logged once by `log`: the value. Logged more often, or by `log_list`: the list. Rows and tables: a list by column,
    None where a row lacks a cell. Images and other files: `aml://artifactId/…`.
    """
    gathered: dict[str, _Gathered] = {}
    for point in points:
        gathered.setdefault(point.metric, _Gathered(point.type)).add(point, run_id)
    return {name: each.shaped() for name, each in gathered.items()}


@dataclass(slots=True)
class _Gathered:
    """The values of one metric. A million are kept as Python's own, not as messages."""

    first: int
    table: bool = False
    values: list[Any] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)

    def add(self, point: runs_pb2.MetricPoint, run_id: str) -> None:
        if point.type in TABLES:
            self.table = True
            cells = {name: plain(point.cells[name]) for name in sorted(point.cells)}
            self.columns.update(dict.fromkeys(cells))
            self.values.append(cells)
        else:
            self.values.append(_value(point, run_id))

    def shaped(self) -> Any:
        if self.table:
            rows = [row if isinstance(row, dict) else {} for row in self.values]
            return {name: [row.get(name) for row in rows] for name in self.columns}
        single = len(self.values) == 1 and self.first != runs_pb2.MetricPoint.TYPE_LIST
        return self.values[0] if single else self.values


def _points(run: Run, name: str | None) -> Iterator[runs_pb2.MetricPoint]:
    request = runs_service_pb2.ListRunMetricsRequest(parent=run.resource_name, metric=name or "", page_size=PAGE)
    return pages(run.workspace.connection.runs.ListRunMetrics, request, lambda page: page.points)


def _as_logged(point: runs_pb2.MetricPoint, run_id: str) -> MetricPoint:
    table = point.type in TABLES
    value = {name: plain(cell) for name, cell in sorted(point.cells.items())} if table else _value(point, run_id)
    return MetricPoint(point.metric, value, point.step if point.HasField("step") else None, moment(point.time))


def _value(point: runs_pb2.MetricPoint, run_id: str) -> Any:
    value = plain(point.value)
    if point.type == runs_pb2.MetricPoint.TYPE_ARTIFACT:
        return f"aml://artifactId/ExperimentRun/dcid.{run_id}/{value}"
    return value


def plain(value: runs_pb2.MetricValue) -> Scalar:
    """Return a metric's value as Python's own."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    result: Scalar = getattr(value, kind)
    return result
