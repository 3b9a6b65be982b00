"""Images know where their container is, when they were used and who needs them; builds how far they are."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from orris_kit.database import Text, UtcDateTime

revision = "0002"
down_revision = "0001"

_NEW = {
    "images": [("reference", Text(1000), "")],
    "builds": [("progress_percent", sa.Integer(), "0"), ("progress", Text(200), "")],
}
_SUCCEEDED = 4


def upgrade() -> None:
    for table, columns in _NEW.items():
        with op.batch_alter_table(table) as changed:
            for name, kind, first in columns:
                changed.add_column(sa.Column(name, kind, nullable=False, server_default=first))
        with op.batch_alter_table(table) as changed:
            for name, _, _ in columns:
                changed.alter_column(name, server_default=None)
    builds = sa.table("builds", sa.column("state"), sa.column("progress_percent"))
    op.execute(builds.update().where(builds.c.state == _SUCCEEDED).values(progress_percent=100))
    _add_uses()


def _add_uses() -> None:
    """When the images there are were used is not known: they begin anew."""
    with op.batch_alter_table("images") as changed:
        changed.add_column(sa.Column("use_time", UtcDateTime))
        changed.add_column(sa.Column("collect_time", UtcDateTime))
    images = sa.table("images", sa.column("use_time", UtcDateTime))
    op.execute(images.update().values(use_time=datetime.now(UTC)))
    with op.batch_alter_table("images") as changed:
        changed.alter_column("use_time", nullable=False)
    op.create_table(
        "references",
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("owner", Text(1024), primary_key=True),
        sa.Column("image", Text(128), primary_key=True),
        sa.Index("references_by_image", "workspace", "image"),
    )
