"""Between metric points and their rows."""

import json
from typing import Any

from orris_runs.model import CELLS, MetricPoint
from orris_runs.rows import to_json


def to_row(key: int, sequence: int, point: MetricPoint) -> dict[str, Any]:
    """Return the row of a point of a run, by the run's key."""
    return {
        "run_key": key,
        "sequence": sequence,
        "metric": point.metric,
        "type": point.type,
        "step": point.step,
        "time": point.time,
        "value": to_json(dict(point.cells) if point.type in CELLS else point.value),
    }


def to_point(row: Any) -> MetricPoint:
    """Return the point of a row."""
    value = json.loads(row.value)
    kept: dict[str, Any] = {"cells": value} if row.type in CELLS else {"value": value}
    return MetricPoint(row.metric, row.type, row.time, row.step, sequence=row.sequence, **kept)
