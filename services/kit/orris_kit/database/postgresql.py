"""PostgreSQL: a schema for each service, timeouts on everything, connections that notice when the other end is gone."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from orris.errors import FailedPrecondition
from orris_kit.database.connections import Connections
from orris_kit.database.traits import Traits

# As many as blocking calls run at once (orris_kit.blocking); a quiet service keeps few: a server has 100 for all.
KEPT_CONNECTIONS = 4
MOST_CONNECTIONS = 16
WAIT_SECONDS = 10

# A server that is not heard of for 30 s is gone: the system's own patience is hours.
CONNECTION = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
}
# The same at the server's end: locks of a machine that is gone do not last.
SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}
_SCHEMA_LOCK = 0x0_0115


def make_engine(url: sa.URL, service: str) -> sa.Engine:
    """Return an engine whose tables are in the schema named after the service; it connects when it is first used."""
    defaults = {name: value for name, value in CONNECTION.items() if name not in url.query}
    consistent = Connections({"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
    traits = Traits(schema=service, to_read=consistent)
    try:
        engine = sa.create_engine(
            url,
            connect_args={**defaults, "fallback_application_name": f"orris-{service}"},
            execution_options=traits.options,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=KEPT_CONNECTIONS,
            max_overflow=MOST_CONNECTIONS - KEPT_CONNECTIONS,
            pool_timeout=WAIT_SECONDS,
        )
    except ModuleNotFoundError as error:
        message = f"a PostgreSQL database needs {error.name}: install orris-kit[postgres]"
        raise FailedPrecondition(message, reason="DRIVER_MISSING") from error

    def configure(connection: Any, record: Any) -> None:
        _configure(connection, service)

    # Before SQLAlchemy's own look at a first connection, which remembers the schema.
    event.listen(engine, "connect", configure, insert=True)
    return engine


def _configure(connection: Any, schema: str) -> None:
    settings = {**SETTINGS, "search_path": f'"{schema}"'}
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [part for setting in settings.items() for part in setting]
    connection.autocommit = True
    found = connection.execute(f"SELECT to_regnamespace(%s) IS NOT NULL, {calls}", [f'"{schema}"', *values])
    if not found.fetchone()[0]:
        with connection.transaction():
            # Two that make the same at once would both fail.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SCHEMA_LOCK])
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    connection.autocommit = False
