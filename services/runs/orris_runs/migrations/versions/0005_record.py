"""Runs can be archived, and be part of others; logs become blobs while they grow; metrics are summed up."""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0005"
down_revision = "0003"

_ROWS = 1000


def upgrade() -> None:
    op.add_column("experiments", sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("holder", sa.BigInteger))
    op.add_column("logs", sa.Column("kept", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("logs", sa.Column("dropped", sa.BigInteger, nullable=False, server_default="0"))
    _index_runs()
    op.execute("UPDATE logs SET kept = (SELECT coalesce(sum(size), 0) FROM log_blobs WHERE log_key = logs.key)")
    summaries = op.create_table(
        "metric_summaries",
        sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("metric", Text(255), primary_key=True),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("minimum", sa.Double),
        sa.Column("maximum", sa.Double),
    )
    _sum_up(op.get_bind(), summaries)


def _index_runs() -> None:
    op.drop_index("runs_by_kind", "runs")
    op.drop_index("runs_by_experiment", "runs")
    op.create_index("runs_by_kind", "runs", ["workspace", "kind", "archived", "key"])
    op.create_index("runs_by_experiment", "runs", ["workspace", "experiment", "kind", "archived", "key"])
    children, parts = sa.text("parent_run != ''"), sa.text("holder IS NOT NULL")
    columns = ["workspace", "parent_run", "kind", "archived", "key"]
    op.create_index("runs_by_parent", "runs", columns, sqlite_where=children, postgresql_where=children)
    op.create_index("runs_by_holder", "runs", ["holder", "state"], sqlite_where=parts, postgresql_where=parts)


def _sum_up(connection: sa.Connection, summaries: sa.Table) -> None:
    metrics = sa.table("metrics", *map(sa.column, ("run_key", "metric", "sequence", "value")))
    ordered = sa.select(metrics).order_by(metrics.c.run_key, metrics.c.metric, metrics.c.sequence)
    made = []
    for (run_key, metric), points in groupby(_pages(connection, metrics, ordered), lambda row: (row[0], row[1])):
        made.append({"run_key": run_key, "metric": metric, **_summary(points)})
        if len(made) == _ROWS:
            connection.execute(summaries.insert(), made)
            made = []
    if made:
        connection.execute(summaries.insert(), made)


def _pages(connection: sa.Connection, metrics: Any, ordered: Any) -> Iterator[Any]:
    """Yield all points, page by page: there may be many millions."""
    last = None
    while True:
        behind = sa.tuple_(metrics.c.run_key, metrics.c.metric, metrics.c.sequence)
        page = ordered if last is None else ordered.where(behind > sa.tuple_(*map(sa.literal, last)))
        rows = connection.execute(page.limit(_ROWS)).all()
        yield from rows
        if len(rows) < _ROWS:
            return
        last = (rows[-1].run_key, rows[-1].metric, rows[-1].sequence)


def _summary(points: Iterable[Any]) -> dict[str, Any]:
    count, last, numbers = 0, 0, [math.inf, -math.inf]
    compared = False
    for row in points:
        count, last = count + 1, row.sequence
        value = json.loads(row.value)
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
            compared = True
            numbers = [min(numbers[0], float(value)), max(numbers[1], float(value))]
    found = numbers if compared else [None, None]
    return {"points": count, "last_sequence": last, "minimum": found[0], "maximum": found[1]}
