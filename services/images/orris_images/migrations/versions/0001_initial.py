"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
NAME = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "environments",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("environment", NAME, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "locks",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("image", sa.String(128), nullable=False),
        sa.Column("lock", sa.Text, nullable=False),
    )
    op.create_table(
        "images",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("image", sa.String(128), primary_key=True),
        sa.Column("lock", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_index("images_by_age", "images", ["workspace", "create_time", "image"])
    op.create_table(
        "builds",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("build", sa.String(128), primary_key=True),
        sa.Column("target", sa.String(600), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("refresh", sa.Boolean, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("image", sa.String(128), nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("warnings", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
    )
    op.create_index("ix_builds_state", "builds", ["state"])
    op.create_index("builds_by_age", "builds", ["workspace", "create_time", "build"])
    op.create_index("builds_by_target", "builds", ["workspace", "target", "create_time"])
    op.create_table(
        "build_log",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("build", sa.String(128), primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("method", sa.String(100), primary_key=True),
        sa.Column("parent", sa.String(400), primary_key=True),
        sa.Column("request_id", sa.String(100), primary_key=True),
        sa.Column("payload", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("expiry", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_requests_expiry", "requests", ["expiry"])
