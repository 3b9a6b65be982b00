"""What endpoints and their replicas have logged, addressed by offset; of a long log the beginning is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from orris.errors import OutOfRange
from orris_inference.schema import log_pieces
from orris_kit.database import read

KEPT_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 256 * 1024

_table = log_pieces.c


class EndpointLog:
    """The logs of all endpoints, by the endpoint's uid."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime], notify: Callable[[str], None]) -> None:
        self._engine = engine
        self._clock = clock
        self._notify = notify

    def note(self, connection: sa.Connection, uid: str, sentence: str) -> None:
        """Append an event of the deployment, with the time."""
        line = f"{self._clock():%Y-%m-%dT%H:%M:%SZ} {sentence}\n"
        self.append(connection, uid, line.encode("utf-8", "replace"))

    def append(self, connection: sa.Connection, uid: str, data: bytes) -> None:
        """Append bytes, and drop what the log has too much at its beginning."""
        end = self._end(connection, uid)
        for position in range(0, len(data), PIECE_BYTES):
            piece = data[position : position + PIECE_BYTES]
            values = {"endpoint_uid": uid, "begin": end, "end": end + len(piece), "data": piece}
            connection.execute(log_pieces.insert().values(values))
            end += len(piece)
        connection.execute(log_pieces.delete().where(_table.endpoint_uid == uid, _table.end <= end - KEPT_BYTES))

    def read(self, uid: str, offset: int) -> tuple[int, bytes]:
        """Return where the next bytes begin, and them: behind `offset` if the beginning was dropped.

        Empty at the end. Raises OutOfRange (OFFSET_TOO_LARGE) behind it.
        """
        query = sa.select(log_pieces).where(_table.endpoint_uid == uid, _table.end > offset).order_by(_table.begin)
        with read(self._engine) as connection:
            rows = connection.execute(query.limit(4)).all()
            if not rows and offset > self._end(connection, uid):
                message = f"offset: {offset} lies behind the log's end"
                raise OutOfRange(message, reason="OFFSET_TOO_LARGE")
        if not rows:
            return offset, b""
        begin = max(offset, rows[0].begin)
        return begin, b"".join(row.data for row in rows)[begin - rows[0].begin :]

    def _end(self, connection: sa.Connection, uid: str) -> int:
        return connection.execute(sa.select(sa.func.max(_table.end)).where(_table.endpoint_uid == uid)).scalar() or 0
