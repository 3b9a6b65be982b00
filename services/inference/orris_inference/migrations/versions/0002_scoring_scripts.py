"""Scoring scripts: what answers may be a user's code with its models; replicas have limits."""

import sqlalchemy as sa
from alembic import op

from orris_kit.database import JSON, Text

revision = "0002"
down_revision = "0001"

_NEW = {
    "model_versions": (JSON, "[]"),
    "code": (JSON, "null"),
    "resources": (JSON, "null"),
    "isolation": (Text(10), ""),
}


def upgrade() -> None:
    for name in ("endpoints", "deployments"):
        with op.batch_alter_table(name) as table:
            for column, (kind, value) in _NEW.items():
                table.add_column(sa.Column(column, kind, nullable=False, server_default=value))
        with op.batch_alter_table(name) as table:
            for column in _NEW:
                table.alter_column(column, server_default=None)
