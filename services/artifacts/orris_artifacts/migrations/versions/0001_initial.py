"""The first tables."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "trees",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("digest", Text(64), primary_key=True),
        sa.Column("file_count", sa.BigInteger, nullable=False),
        sa.Column("total_size", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "tree_pages",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("tree", Text(64), primary_key=True),
        sa.Column("last_path", sa.LargeBinary, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "checked_files",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("fingerprint", Text(64), primary_key=True),
    )
    op.create_table(
        "reference_targets",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("owner", Text(1024), primary_key=True),
        sa.Column("kind", Text(4), primary_key=True),
        sa.Column("digest", Text(64), primary_key=True),
    )
    op.create_index("reference_targets_by_digest", "reference_targets", ["workspace", "kind", "digest"])
