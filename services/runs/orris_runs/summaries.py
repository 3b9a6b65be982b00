"""What all points of a metric come to, kept up with each batch that is stored."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_kit.paging import after_key, page_token
from orris_runs.model import CELLS, MetricPoint, MetricSummary
from orris_runs.points import to_point
from orris_runs.reading import Page, Reading
from orris_runs.schema import metric_summaries, metrics
from orris_runs.store import Store

Keyed = tuple[int, int, MetricPoint]


class Summaries:
    """The metrics of runs at a glance."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def page(self, workspace: str, run: str, size: int, token: str) -> Page:
        """Return a page of a run's metrics by name. Raises NotFound (RUN_NOT_FOUND)."""
        query = {"list": "metric_summaries", "run": [workspace, run]}
        after = after_key(token, query, str)
        with self._store.look() as connection:
            key = self._reading.require_row(connection, workspace, run).key
            last = (metrics.c.run_key == key) & (metrics.c.sequence == metric_summaries.c.last_sequence)
            chosen = sa.select(metric_summaries, *metrics.c).join(metrics, last)
            chosen = chosen.where(metric_summaries.c.run_key == key).order_by(metric_summaries.c.metric)
            if after:
                chosen = chosen.where(metric_summaries.c.metric > after[0])
            rows = connection.execute(chosen.limit(size + 1)).all()
        found = [MetricSummary(row.metric, row.points, to_point(row), row.minimum, row.maximum) for row in rows[:size]]
        return Page(found, len(rows) > size, lambda each: page_token((each.metric,), query))


def sum_up(connection: sa.Connection, points: Sequence[Keyed]) -> None:
    """Count points (run's key, sequence, point) that have just been stored. Their runs are locked."""
    batch: dict[tuple[int, str], list[tuple[int, MetricPoint]]] = {}
    for key, sequence, point in points:
        batch.setdefault((key, point.metric), []).append((sequence, point))
    known = _known(connection, batch)
    new = [_counted(*each, None, its) for each, its in batch.items() if each not in known]
    more = [_counted(*each, known[each], its) for each, its in batch.items() if each in known]
    _INSERT.run_all(connection, new)
    _UPDATE.run_all(connection, [{f"new_{name}": value for name, value in row.items()} for row in more])


def _known(connection: sa.Connection, names: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    pairs = list(names)
    keys = {key for key, _ in pairs}
    found: dict[tuple[int, str], Any] = {}
    for key in keys:
        wanted = {"key": key, "names": [name for run, name in pairs if run == key]}
        found |= {(row.run_key, row.metric): row for row in connection.execute(_KNOWN, wanted)}
    return found


def _counted(key: int, metric: str, known: Any, points: Sequence[tuple[int, MetricPoint]]) -> dict[str, Any]:
    numbers = [float(point.value) for _, point in points if _is_compared(point)]  # type: ignore[arg-type]
    if known is not None and known.minimum is not None:
        numbers += [known.minimum, known.maximum]
    return {
        "run_key": key,
        "metric": metric,
        "points": len(points) + (known.points if known is not None else 0),
        "last_sequence": points[-1][0],
        "minimum": min(numbers, default=None),
        "maximum": max(numbers, default=None),
    }


def _is_compared(point: MetricPoint) -> bool:
    value = point.value
    if point.type in CELLS or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isnan(value)


_NAMES: sa.BindParameter[list[str]] = sa.bindparam("names", expanding=True)
_KNOWN = sa.select(metric_summaries).where(
    metric_summaries.c.run_key == sa.bindparam("key"), metric_summaries.c.metric.in_(_NAMES)
)
_INSERT = Statement(metric_summaries.insert())
_UPDATE = Statement(
    metric_summaries.update()
    .where(
        metric_summaries.c.run_key == sa.bindparam("new_run_key"),
        metric_summaries.c.metric == sa.bindparam("new_metric"),
    )
    .values(
        points=sa.bindparam("new_points"),
        last_sequence=sa.bindparam("new_last_sequence"),
        minimum=sa.bindparam("new_minimum"),
        maximum=sa.bindparam("new_maximum"),
    )
)
