"""Versions refer to their images: each is noted, so that it is put right when the service starts."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    key = "workspace, model, number"
    same = " AND ".join(f"noted.{name} = versions.{name}" for name in key.split(", "))
    op.execute(
        f"INSERT INTO loose_references ({key}) SELECT {key} FROM model_versions AS versions"  # noqa: S608  # no input
        f" WHERE NOT EXISTS (SELECT 1 FROM loose_references AS noted WHERE {same})"
    )
