"""Runs say what they ask of their machines, and agents what they have."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("demands", Text(255), nullable=False, server_default=""))
    op.add_column("leases", sa.Column("demands", Text(255), nullable=False, server_default=""))
    op.add_column("agents", sa.Column("isolations", Text(), nullable=False, server_default="[]"))
    op.add_column("agents", sa.Column("resources", Text(), nullable=False, server_default="{}"))
    op.create_index(
        "runs_waiting_alike",
        "runs",
        ["pool", "slot", "demands", "key"],
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
    op.drop_index("leases_by_agent", "leases")
    op.create_index("leases_by_agent", "leases", ["agent", "slot", "demands"])
