"""The first tables."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import JSON, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", Text(32), primary_key=True),
        sa.Column("uid", Text(32), nullable=False, unique=True),
        sa.Column("workspace", Text(33), nullable=False, index=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("model_version", Text(700), nullable=False),
        sa.Column("state", Text(20), nullable=False),
        sa.Column("error", Text(), nullable=False),
        sa.Column("backend", Text(10), nullable=False),
        sa.Column("methods", JSON, nullable=False),
        sa.Column("replica", Text(400), nullable=False),
        sa.Column("auth_enabled", sa.Boolean, nullable=True),
        sa.Column("primary_key", Text(64), nullable=False),
        sa.Column("secondary_key", Text(64), nullable=False),
        sa.Column("description", Text(), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("created_by", Text(400), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deployments",
        sa.Column("uid", Text(32), primary_key=True),
        sa.Column("endpoint", Text(32), nullable=False, index=True),
        sa.Column("endpoint_uid", Text(32), nullable=False),
        sa.Column("workspace", Text(33), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("model_version", Text(700), nullable=False),
        sa.Column("phase", Text(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("secret", Text(64), nullable=False),
        sa.Column("replica", Text(400), nullable=False),
        sa.Column("log_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_pieces",
        sa.Column("endpoint_uid", Text(32), primary_key=True),
        sa.Column("begin", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("method", Text(100), primary_key=True),
        sa.Column("parent", Text(400), primary_key=True),
        sa.Column("request_id", Text(100), primary_key=True),
        sa.Column("payload", Text(64), nullable=False),
        sa.Column("name", Text(), nullable=False),
        sa.Column("expiry", sa.BigInteger, nullable=False, index=True),
    )
