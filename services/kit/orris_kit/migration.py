"""From the tables that a database has to those that the code expects.

`<package>/migrations/versions/` holds Alembic revisions in files `0001_<what>.py`, `0002_<what>.py`, ...: the id of a
revision is its number, the newest is the last. Alembic itself is imported only when something has to be migrated.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris_kit.logging import get_logger

log = get_logger(__name__)
_version = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


def bring_up_to_date(connection: sa.Connection, package: str, metadata: sa.MetaData) -> None:
    """Make the tables, or migrate them, in one transaction."""
    newest = newest_revision(package)
    stored = _stored_revision(connection)
    if stored is None:
        _create(connection, metadata, newest)
    elif stored == newest:
        return
    elif newest is None or stored > newest:
        message = f"the database is of a newer version of Orris ({stored}) than this one ({newest}); update Orris"
        raise FailedPrecondition(message, reason="DATABASE_TOO_NEW")
    else:
        log.info("migrating the database", package=package, stored=stored, newest=newest)
        migrate(connection, package)


def newest_revision(package: str) -> str | None:
    """Return the number of the last migration, from the names of the files."""
    numbers = [path.name.partition("_")[0] for path in _versions(package).glob("[0-9]*_*.py")]
    return max(numbers, default=None)


def migrate(connection: sa.Connection, package: str, revision: str = "head") -> None:
    """Run the migrations up to `revision` with Alembic."""
    from alembic.runtime.environment import EnvironmentContext

    config, scripts = _alembic(package)

    def upgrade(current: Any, context: Any) -> Any:
        return scripts._upgrade_revs(revision, current)

    with EnvironmentContext(config, scripts, fn=upgrade) as environment:
        environment.configure(connection=connection, render_as_batch=True)
        environment.run_migrations()


def differences(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    """Return what differs between the database's tables and `metadata`, for the test that migrations lead there."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _create(connection: sa.Connection, metadata: sa.MetaData, newest: str | None) -> None:
    metadata.create_all(connection)
    if newest is not None:
        _version.create(connection, checkfirst=True)
        connection.execute(_version.insert().values(version_num=newest))


def _stored_revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_version.name):
        return None
    return connection.execute(sa.select(_version.c.version_num)).scalar_one_or_none()


def _versions(package: str) -> Path:
    return Path(str(resources.files(package))) / "migrations" / "versions"


def _alembic(package: str) -> tuple[Any, Any]:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_versions(package).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)
