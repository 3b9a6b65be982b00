"""Agents say what they know how to do that others may not, pools which Ray cluster their nodes are on."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("agents", sa.Column("abilities", Text(), nullable=False, server_default="[]"))
    op.add_column("pools", sa.Column("ray", Text()))
