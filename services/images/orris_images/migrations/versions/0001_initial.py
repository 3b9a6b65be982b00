"""The first tables."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "environments",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("environment", Text(255), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", Text(64), nullable=False),
        sa.Column("spec", Text(), nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "locks",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("digest", Text(64), primary_key=True),
        sa.Column("image", Text(128), nullable=False),
        sa.Column("lock", Text(), nullable=False),
    )
    op.create_table(
        "images",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("image", Text(128), primary_key=True),
        sa.Column("lock", Text(), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_index("images_by_age", "images", ["workspace", "create_time", "image"])
    op.create_table(
        "builds",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("build", Text(128), primary_key=True),
        sa.Column("target", Text(600), nullable=False),
        sa.Column("digest", Text(64), nullable=False),
        sa.Column("spec", Text(), nullable=False),
        sa.Column("refresh", sa.Boolean, nullable=False),
        sa.Column("state", sa.Integer, nullable=False),
        sa.Column("image", Text(128), nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("error", Text(), nullable=False),
        sa.Column("warnings", Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("start_time", sa.BigInteger),
        sa.Column("end_time", sa.BigInteger),
    )
    op.create_index("ix_builds_state", "builds", ["state"])
    op.create_index("builds_by_age", "builds", ["workspace", "create_time", "build"])
    op.create_index("builds_by_target", "builds", ["workspace", "target", "create_time"])
    op.create_table(
        "build_log",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("build", Text(128), primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("method", Text(100), primary_key=True),
        sa.Column("parent", Text(400), primary_key=True),
        sa.Column("request_id", Text(100), primary_key=True),
        sa.Column("payload", Text(64), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("expiry", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_requests_expiry", "requests", ["expiry"])
