"""Experiments take turns, failed attempts are repeated, identical runs are found.

Runs can be archived, and be part of others; logs become blobs while they grow; metrics are summed up; what runs use is
kept.
"""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text, UtcDateTime

revision = "0004"
down_revision = "0003"

_ROWS = 1000


def upgrade() -> None:
    _queue()
    _record()
    _usage()


def _queue() -> None:
    op.add_column("experiments", sa.Column("max_concurrent_runs", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("rank", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("max_retries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("failed_attempts", Text(), nullable=False, server_default="[]"))
    op.add_column("runs", sa.Column("retry_time", UtcDateTime))
    op.add_column("runs", sa.Column("reuse", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("identity", Text(64), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("reused_run", Text(), nullable=False, server_default=""))
    op.add_column("logs", sa.Column("base", sa.BigInteger, nullable=False, server_default="0"))
    op.drop_index("runs_waiting", "runs")
    op.drop_index("runs_waiting_alike", "runs")
    in_line = ["pool", "slot", "rank", "workspace", "experiment", "demands", "key"]
    _partial_index("runs_in_line", in_line, "slot IS NOT NULL")
    _partial_index("runs_to_retry", ["retry_time"], "retry_time IS NOT NULL")
    _partial_index("runs_completed_alike", ["workspace", "identity", "key"], "state = 7 AND identity <> ''")
    op.add_column("leases", sa.Column("owner", Text(289), nullable=False, server_default=""))
    op.execute(
        "UPDATE leases SET owner ="
        " (SELECT runs.workspace || '/' || runs.experiment FROM runs WHERE runs.key = leases.run_key)"
    )
    op.drop_index("leases_by_agent", "leases")
    op.create_index("leases_by_agent", "leases", ["agent", "slot", "demands", "owner"])
    _make_lines()


def _make_lines() -> None:
    op.create_table(
        "lines",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("pool", Text(63), nullable=False),
        sa.Column("slot", Text(10), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("workspace", Text(33), nullable=False),
        sa.Column("experiment", Text(255), nullable=False),
        sa.Column("demands", Text(255), nullable=False),
        sa.UniqueConstraint("workspace", "experiment", "pool", "slot", "rank", "demands"),
    )
    op.create_index("lines_of_demands", "lines", ["pool", "slot", "demands", "rank", "turn"])
    op.create_index("lines_in_turn", "lines", ["pool", "slot", "rank", "turn", "key"])
    op.create_index("lines_by_turn", "lines", ["pool", "slot", "turn"])
    op.execute(
        "INSERT INTO lines (turn, pool, slot, rank, workspace, experiment, demands)"
        " SELECT (SELECT min(same.key) FROM runs AS same WHERE same.slot = runs.slot AND same.pool = runs.pool"
        " AND same.workspace = runs.workspace AND same.experiment = runs.experiment),"
        " pool, slot, rank, workspace, experiment, demands FROM runs"
        " WHERE slot IS NOT NULL GROUP BY pool, slot, rank, workspace, experiment, demands"
    )


def _partial_index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "runs", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _record() -> None:
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


def _usage() -> None:
    op.add_column("runs", sa.Column("cpu_seconds", sa.Double()))
    op.add_column("runs", sa.Column("max_memory_bytes", sa.BigInteger()))
    op.create_table(
        "run_usage",
        sa.Column("run_key", sa.BigInteger(), sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("time", sa.BigInteger(), primary_key=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
    )
