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
from orris_kit.database import Text, take_turn

LIFETIME = timedelta(days=1)


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
        table = self.table.c
        row = connection.execute(
            sa.select(table.payload, table.name).where(
                *self._is(method, parent, request_id), table.expiry > self._clock()
            )
        ).one_or_none()
        if row is None:
            return None
        if row.payload != _fingerprint(payload):
            message = "request_id was used for another request; make a new one for each"
            raise InvalidArgument(message, field="request_id", reason="REQUEST_ID_REUSED")
        return str(row.name)

    def remember(
        self, connection: sa.Connection, method: str, parent: str, request_id: str, payload: bytes, name: str
    ) -> None:
        """Keep what the request made, in the same transaction; forget what is too old."""
        if not request_id:
            return
        now = self._clock()
        connection.execute(self.table.delete().where(self.table.c.expiry <= now))
        connection.execute(
            self.table.insert().values(
                method=method,
                parent=parent,
                request_id=request_id,
                payload=_fingerprint(payload),
                name=name,
                expiry=int(now + self._lifetime.total_seconds()) + 1,
            )
        )

    def _is(self, method: str, parent: str, request_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        table = self.table.c
        return table.method == method, table.parent == parent, table.request_id == request_id


def _fingerprint(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
