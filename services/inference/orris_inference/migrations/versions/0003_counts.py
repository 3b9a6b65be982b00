"""What endpoints were asked, and how inputs compare with samples, goes on after a restart."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "counts",
        sa.Column("endpoint_uid", Text(32), primary_key=True),
        sa.Column("counts", Text(), nullable=False),
    )
