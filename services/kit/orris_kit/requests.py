"""Creates that can be repeated: a request id and what it made, kept in the transaction that made it.

requests = Requests(metadata)                                        # in schema.py: one more table
with write(engine) as connection:
    if made := requests.recall(connection, "CreateRun", parent, request_id, payload): return made
    ...
    requests.remember(connection, "CreateRun", parent, request_id, payload, name)
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import Statement, Text, take_turn

LIFETIME = timedelta(days=1)
# What is too old is not found anyway.
FORGET_SECONDS = 60.0


class Requests:
    """The table of answered creates. A request without an id is not remembered."""

    def __init__(
        self,
        metadata: sa.MetaData,
        *,
        lifetime: timedelta = LIFETIME,
        clock: Callable[[], float] = time.time,
        table: str = "requests",
    ) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._forget_time = float("-inf")
        self.table = sa.Table(
            table,
            metadata,
            sa.Column("method", Text(100), primary_key=True),
            sa.Column("parent", Text(400), primary_key=True),
            sa.Column("request_id", Text(100), primary_key=True),
            sa.Column("payload", Text(64), nullable=False),
            sa.Column("name", Text(), nullable=False),
            sa.Column("expiry", sa.BigInteger, nullable=False, index=True),
        )
        columns = self.table.c
        now = sa.bindparam("now", type_=sa.Float)
        its = (columns[name] == sa.bindparam(name) for name in ("method", "parent", "request_id"))
        self._recall = Statement(sa.select(columns.payload, columns.name).where(*its, columns.expiry > now))
        self._forget = Statement(self.table.delete().where(columns.expiry <= now))
        self._insert = Statement(self.table.insert())

    def recall(
        self, connection: sa.Connection, method: str, parent: str, request_id: str, payload: bytes
    ) -> str | None:
        """Return the name of what this request made before; None when it is new.

        Raises InvalidArgument (REQUEST_ID_REUSED) when the id was used for another payload.
        """
        if not request_id:
            return None
        if not re.fullmatch(r"[\x21-\x7e]{1,100}", request_id):
            raise InvalidArgument("request_id must be 1 to 100 visible ASCII characters", field="request_id")
        # The same request at the same time waits here, and finds what the first has made.
        take_turn(connection, "request", method, parent, request_id)
        request = {"method": method, "parent": parent, "request_id": request_id}
        row = self._recall.first(connection, {**request, "now": self._clock()})
        if row is None:
            return None
        if row.payload != _fingerprint(payload):
            message = "request_id was used for another request; make a new one for each"
            raise InvalidArgument(message, field="request_id", reason="REQUEST_ID_REUSED")
        return str(row.name)

    def remember(
        self, connection: sa.Connection, method: str, parent: str, request_id: str, payload: bytes, name: str
    ) -> None:
        """Keep what the request made, in the same transaction; now and then forget what is too old."""
        if not request_id:
            return
        now = self._clock()
        if now >= self._forget_time:
            self._forget.run(connection, {"now": now})
            self._forget_time = now + FORGET_SECONDS
        row = {
            "method": method,
            "parent": parent,
            "request_id": request_id,
            "payload": _fingerprint(payload),
            "name": name,
            "expiry": int(now + self._lifetime.total_seconds()) + 1,
        }
        self._insert.run(connection, row)


def _fingerprint(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
