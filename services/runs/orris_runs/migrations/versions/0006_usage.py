"""What runs use: samples, and totals at their ends."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("runs", sa.Column("cpu_seconds", sa.Double()))
    op.add_column("runs", sa.Column("max_memory_bytes", sa.BigInteger()))
    op.create_table(
        "run_usage",
        sa.Column("run_key", sa.BigInteger(), sa.ForeignKey("runs.key"), primary_key=True),
        sa.Column("time", sa.BigInteger(), primary_key=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
    )
