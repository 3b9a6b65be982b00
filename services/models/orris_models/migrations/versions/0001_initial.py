"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def key():
    return [
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    ]


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("workspace", sa.String(33), primary_key=True),
        sa.Column("model", sa.String(255), primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "model_versions",
        *key(),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("run", sa.String(400), nullable=False),
        sa.Column("conversion_state", sa.String(20), nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("signature", sa.JSON),
        sa.Column("conversion", sa.JSON, nullable=False),
    )
    op.create_index("model_versions_by_run", "model_versions", ["workspace", "run"])
    op.create_index("ix_model_versions_conversion_state", "model_versions", ["conversion_state"])
    op.create_table(
        "model_tags",
        *key(),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_index("model_tags_by_key", "model_tags", ["workspace", "key"])
    op.create_table("model_uses", *key(), sa.Column("user", sa.String(400), primary_key=True))
    op.create_table("loose_references", *key())
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
