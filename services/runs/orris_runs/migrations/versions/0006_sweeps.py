"""Sweeps and their trials; trials may be ended early."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("runs", sa.Column("early_stopped", Text(), nullable=False, server_default=""))
    op.create_table(
        "sweeps",
        sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("plan", Text(), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    active = sa.text("active IS TRUE")
    op.create_index(
        "sweeps_active", "sweeps", ["run_key"], sqlite_where=sa.text("active IS 1"), postgresql_where=active
    )
    op.create_table(
        "sweep_trials",
        sa.Column("sweep_key", sa.BigInteger, sa.ForeignKey("sweeps.run_key"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("run_key", sa.BigInteger, nullable=False),
        sa.Column("hyperparameters", Text(), nullable=False),
        sa.Column("judged", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
    )
