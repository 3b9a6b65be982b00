"""Runs that may be executed anew remember what their labels were before their programs changed them."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "run_labels_before",
        sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("labels", Text(20), primary_key=True),
        sa.Column("key", Text(255), primary_key=True),
        sa.Column("value", Text()),
    )
