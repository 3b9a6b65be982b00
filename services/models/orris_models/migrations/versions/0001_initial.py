"""The first tables."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import JSON, Text

revision = "0001"
down_revision = None


def key():
    return [
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("model", Text(255), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    ]


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("model", Text(255), primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "model_versions",
        *key(),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("run", Text(400), nullable=False),
        sa.Column("conversion_state", Text(20), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("signature", JSON),
        sa.Column("conversion", JSON, nullable=False),
    )
    op.create_index("model_versions_by_run", "model_versions", ["workspace", "run"])
    op.create_index("ix_model_versions_conversion_state", "model_versions", ["conversion_state"])
    op.create_table(
        "model_tags",
        *key(),
        sa.Column("key", Text(255), primary_key=True),
        sa.Column("value", Text(), nullable=False),
    )
    op.create_index("model_tags_by_key", "model_tags", ["workspace", "key"])
    op.create_table("model_uses", *key(), sa.Column("user", Text(400), primary_key=True))
    op.create_table("loose_references", *key())
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
