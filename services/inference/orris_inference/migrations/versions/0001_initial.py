"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("uid", sa.String(32), nullable=False, unique=True),
        sa.Column("workspace", sa.String(33), nullable=False, index=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("model_version", sa.String(700), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("backend", sa.String(10), nullable=False),
        sa.Column("methods", sa.JSON, nullable=False),
        sa.Column("replica", sa.String(400), nullable=False),
        sa.Column("auth_enabled", sa.Boolean, nullable=True),
        sa.Column("primary_key", sa.String(64), nullable=False),
        sa.Column("secondary_key", sa.String(64), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("created_by", sa.String(400), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deployments",
        sa.Column("uid", sa.String(32), primary_key=True),
        sa.Column("endpoint", sa.String(32), nullable=False, index=True),
        sa.Column("endpoint_uid", sa.String(32), nullable=False),
        sa.Column("workspace", sa.String(33), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("model_version", sa.String(700), nullable=False),
        sa.Column("phase", sa.String(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("replica", sa.String(400), nullable=False),
        sa.Column("log_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_pieces",
        sa.Column("endpoint_uid", sa.String(32), primary_key=True),
        sa.Column("begin", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("method", sa.String(100), primary_key=True),
        sa.Column("parent", sa.String(400), primary_key=True),
        sa.Column("request_id", sa.String(100), primary_key=True),
        sa.Column("payload", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("expiry", sa.BigInteger, nullable=False, index=True),
    )
