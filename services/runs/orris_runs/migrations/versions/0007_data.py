"""Runs get data, and leave some: what they made, and a row for each version of a dataset that one had to do with."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("runs", sa.Column("produced", Text(), nullable=False, server_default="[]"))
    op.create_table(
        "run_data",
        sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("name", Text(100), primary_key=True),
        sa.Column("dataset", Text(400), nullable=False),
        sa.Column("made", sa.Boolean, nullable=False),
    )
    op.create_index("run_data_by_dataset", "run_data", ["dataset", "run_key"])
