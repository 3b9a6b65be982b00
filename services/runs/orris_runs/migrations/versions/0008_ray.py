"""Pools say which Ray cluster their nodes are on."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("pools", sa.Column("ray", Text()))
