"""Wait until those have ended who were writing at a moment: what they wrote is visible then, or never will be."""

from __future__ import annotations

import time
from collections.abc import Iterator

import sqlalchemy as sa

from orris.errors import Unavailable
from orris_kit.database import read, write

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 300.0

# Transactions get their numbers, in order, when they first write or lock a row; the oldest that has not ended bounds a
# snapshot: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
_MY_NUMBER = sa.text("SELECT CAST(pg_current_xact_id() AS text)")
_ARE_GONE = sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot()) > CAST(:number AS xid8)")


def wait_for_writers(engine: sa.Engine) -> Iterator[None]:
    """Wait, step by step, for all transactions that have written or locked a row by now. Nobody waits for this one.

    Raises Unavailable (DATABASE_BUSY) when one of them does not end.
    """
    with write(engine) as connection:
        if connection.dialect.name != "postgresql":
            return  # SQLite has one writer at a time: it was waited for at the beginning of this block
        number = connection.scalar(_MY_NUMBER)
    patience = time.monotonic() + PATIENCE_SECONDS
    while not _are_gone(engine, number):
        if time.monotonic() > patience:
            message = "a transaction in the database has been open for minutes; collect garbage when it has ended"
            raise Unavailable(message, reason="DATABASE_BUSY", retry_after=60)
        yield
        time.sleep(POLL_SECONDS)


def _are_gone(engine: sa.Engine, number: object) -> bool:
    with read(engine) as connection:
        return bool(connection.scalar(_ARE_GONE, {"number": number}))
