"""Experiments take turns, by priority; failed attempts are repeated; identical runs are found."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text, UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
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
