"""References that keep more than their runs need are noted: first of all those of what ended and was no training."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text

revision = "0002"
down_revision = "0001"

_TRAINING = 1
_FINAL = (7, 8, 10)


def upgrade() -> None:
    loose = op.create_table(
        "loose_references",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("run", Text(300), primary_key=True),
        sa.Column("given_up", sa.Boolean, nullable=False),
    )
    runs = sa.table("runs", *map(sa.column, ("workspace", "id", "kind", "state")))
    ended = sa.select(runs.c.workspace, runs.c.id, sa.false()).where(runs.c.kind != _TRAINING, runs.c.state.in_(_FINAL))
    op.execute(loose.insert().from_select(["workspace", "run", "given_up"], ended))
