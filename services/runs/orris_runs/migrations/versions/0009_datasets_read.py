"""Runs keep what they have read without having been given it."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("runs", sa.Column("datasets_read", Text(), nullable=False, server_default="[]"))
