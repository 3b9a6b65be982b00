"""Blobs become rows; trees know when they were used; the store has an identity; garbage is collected."""

import time

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("digest", Text(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("object", Text(200), nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("use_time", sa.BigInteger, nullable=False),
        sa.Column("damaged", sa.Boolean, nullable=False),
    )
    op.create_index("blobs_by_object", "blobs", ["object"])
    op.create_index("blobs_by_size", "blobs", ["workspace", "damaged", "size"])
    # Nobody knows when a tree was used: as if it were now, so that nothing is collected earlier than its grace allows.
    with op.batch_alter_table("trees") as trees:
        trees.add_column(
            sa.Column("use_time", sa.BigInteger, nullable=False, server_default=str(time.time_ns() // 1000))
        )
    with op.batch_alter_table("trees") as trees:
        trees.alter_column("use_time", server_default=None)
    # The digest of a file of several chunks follows from theirs now.
    op.drop_table("checked_files")
    op.create_table(
        "stores",
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", Text(32), nullable=False),
    )
    op.create_table(
        "collections",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("holder", Text(32), nullable=False),
        sa.Column("hold_until", sa.BigInteger, nullable=False),
        sa.Column("collect_time", sa.BigInteger),
    )
