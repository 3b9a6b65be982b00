"""Pools are known and have nodes; runs know when they were queued, leased and over."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text, UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("queued_time", "leased_time", "finalizing_time", "final_time"):
        op.add_column("runs", sa.Column(name, UtcDateTime))
    op.add_column("agents", sa.Column("draining", Text(), nullable=False, server_default=""))
    _make_pools()
    _make_nodes()
    _know_pools_of_before()


def _make_pools() -> None:
    op.create_table(
        "pools",
        sa.Column("id", Text(63), primary_key=True),
        sa.Column("engine", Text(63), nullable=False),
        sa.Column("min_nodes", sa.Integer, nullable=False),
        sa.Column("max_nodes", sa.Integer, nullable=False),
        sa.Column("idle_seconds", sa.Double, nullable=False),
        sa.Column("node_slots", sa.Integer, nullable=False),
        sa.Column("node_resources", Text(), nullable=False),
        sa.Column("options", Text(), nullable=False),
        sa.Column("description", Text(), nullable=False),
        sa.Column("tags", Text(), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("error", Text(), nullable=False),
        sa.Column("machine", Text(), nullable=False),
        sa.Column("create_time", UtcDateTime, nullable=False),
        sa.Column("update_time", UtcDateTime, nullable=False),
    )


def _make_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("id", Text(63), nullable=False, unique=True),
        sa.Column("pool", Text(63), nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("reason", Text(), nullable=False),
        sa.Column("end_reason", Text(), nullable=False),
        sa.Column("phase", Text(20), nullable=False),
        sa.Column("phase_time", UtcDateTime, nullable=False),
        sa.Column("message", Text(), nullable=False),
        sa.Column("host", Text(), nullable=False),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("preempted", sa.Boolean, nullable=False),
        sa.Column("create_time", UtcDateTime, nullable=False),
        sa.Column("ready_time", UtcDateTime),
        sa.Column("end_time", UtcDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("nodes_of_pool", "nodes", ["pool", "state", "key"])


def _know_pools_of_before() -> None:
    """A pool was any text: those that agents belong to, or runs wait for, go on as pools that agents come to."""
    op.execute(
        "INSERT INTO pools SELECT pool, '', 0, 0, 1800, 1, '{}', '{}', '', '{}', 1, '', '', min(time), min(time)"
        " FROM (SELECT pool, last_seen_time AS time FROM agents"
        " UNION ALL SELECT pool, create_time AS time FROM runs WHERE state NOT IN (7, 8, 10)) AS known GROUP BY pool"
    )
