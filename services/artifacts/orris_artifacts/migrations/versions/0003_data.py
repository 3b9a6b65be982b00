"""Trees get names: datastores, and versions of datasets."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import JSON, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "datastores",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("datastore", Text(255), primary_key=True),
        sa.Column("tree", Text(64), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "datasets",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("dataset", Text(255), primary_key=True),
        sa.Column("last_number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("dataset", Text(255), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", Text(36), nullable=False),
        sa.Column("tree", Text(64), nullable=False),
        sa.Column("table_definition", Text(), nullable=False),
        sa.Column("description", Text(), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("created_by", Text(), nullable=False),
        sa.Column("run", Text(400), nullable=False),
    )
    op.create_index("dataset_versions_by_id", "dataset_versions", ["workspace", "id"])
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
