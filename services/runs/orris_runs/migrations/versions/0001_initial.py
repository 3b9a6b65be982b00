"""The first tables."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", Text(128), nullable=False),
        sa.Column("pool", Text(63), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("replica_slots", sa.Integer(), nullable=False),
        sa.Column("platform", Text(), nullable=False),
        sa.Column("hostname", Text(), nullable=False),
        sa.Column("last_seen_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "requests",
        sa.Column("method", Text(100), nullable=False),
        sa.Column("parent", Text(400), nullable=False),
        sa.Column("request_id", Text(100), nullable=False),
        sa.Column("payload", Text(64), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("expiry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("method", "parent", "request_id"),
    )
    op.create_index(op.f("ix_requests_expiry"), "requests", ["expiry"], unique=False)
    op.create_table(
        "runs",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("workspace", Text(33), nullable=False),
        sa.Column("id", Text(300), nullable=False),
        sa.Column("display_name", Text(), nullable=False),
        sa.Column("experiment", Text(255), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("parent_run", Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("state_reason", Text(), nullable=False),
        sa.Column("slot", Text(10), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("program", Text(), nullable=False),
        sa.Column("secrets", Text(), nullable=True),
        sa.Column("environment", Text(), nullable=False),
        sa.Column("image", Text(), nullable=False),
        sa.Column("build", Text(), nullable=False),
        sa.Column("build_log_size", sa.BigInteger(), nullable=True),
        sa.Column("pool", Text(63), nullable=False),
        sa.Column("submitted_by", Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.Column("error", Text(), nullable=True),
        sa.Column("warnings", Text(), nullable=False),
        sa.Column("outputs", Text(), nullable=False),
        sa.Column("agent", Text(128), nullable=False),
        sa.Column("lease", Text(64), nullable=False),
        sa.Column("address", Text(), nullable=False),
        sa.Column("left_behind", Text(), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("workspace", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_experiment", "runs", ["workspace", "experiment", "kind", "key"], unique=False)
    op.create_index("runs_by_kind", "runs", ["workspace", "kind", "key"], unique=False)
    op.create_index("runs_by_lease", "runs", ["lease"], unique=False)
    op.create_index("runs_by_state", "runs", ["workspace", "state", "key"], unique=False)
    op.create_index(
        "runs_preparing",
        "runs",
        ["build"],
        unique=False,
        sqlite_where=sa.text("state = 2"),
        postgresql_where=sa.text("state = 2"),
    )
    op.create_index(
        "runs_waiting",
        "runs",
        ["pool", "slot", "key"],
        unique=False,
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", Text(33), nullable=False),
        sa.Column("description", Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "experiments",
        sa.Column("workspace", Text(33), nullable=False),
        sa.Column("id", Text(255), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace"],
            ["workspaces.id"],
        ),
        sa.PrimaryKeyConstraint("workspace", "id"),
    )
    op.create_table(
        "leases",
        sa.Column("id", Text(64), nullable=False),
        sa.Column("run_key", sa.BigInteger(), nullable=False),
        sa.Column("agent", Text(128), nullable=False),
        sa.Column("slot", Text(10), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_key"],
            ["runs.key"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_key"),
    )
    op.create_index("leases_by_agent", "leases", ["agent", "slot"], unique=False)
    op.create_table(
        "logs",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_key", sa.BigInteger(), nullable=True),
        sa.Column("build", Text(), nullable=True),
        sa.Column("file", Text(1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("to_archive", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_key"],
            ["runs.key"],
        ),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("build"),
        sa.UniqueConstraint("run_key", "file"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "logs_to_archive",
        "logs",
        ["key"],
        unique=False,
        sqlite_where=sa.text("to_archive IS 1"),
        postgresql_where=sa.text("to_archive IS true"),
    )
    op.create_table(
        "metrics",
        sa.Column("run_key", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("metric", Text(255), nullable=False),
        sa.Column("type", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=True),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("value", Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_key"],
            ["runs.key"],
        ),
        sa.PrimaryKeyConstraint("run_key", "sequence"),
    )
    op.create_index("metrics_by_name", "metrics", ["run_key", "metric", "sequence"], unique=False)
    op.create_table(
        "run_properties",
        sa.Column("run_key", sa.BigInteger(), nullable=False),
        sa.Column("key", Text(255), nullable=False),
        sa.Column("value", Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_key"],
            ["runs.key"],
        ),
        sa.PrimaryKeyConstraint("run_key", "key"),
    )
    op.create_index("run_properties_by_key", "run_properties", ["key", "run_key"], unique=False)
    op.create_table(
        "run_tags",
        sa.Column("run_key", sa.BigInteger(), nullable=False),
        sa.Column("key", Text(255), nullable=False),
        sa.Column("value", Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_key"],
            ["runs.key"],
        ),
        sa.PrimaryKeyConstraint("run_key", "key"),
    )
    op.create_index("run_tags_by_key", "run_tags", ["key", "run_key"], unique=False)
    op.create_table(
        "log_blobs",
        sa.Column("log_key", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", Text(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_key"],
            ["logs.key"],
        ),
        sa.PrimaryKeyConstraint("log_key", "offset"),
    )
    op.create_table(
        "log_rows",
        sa.Column("log_key", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["log_key"],
            ["logs.key"],
        ),
        sa.PrimaryKeyConstraint("log_key", "offset"),
    )
