"""Logs of builds: lines go in, bytes by offset come out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor

import sqlalchemy as sa

from orris.errors import NotFound, OutOfRange
from orris_images import schema
from orris_images.records import UNFINISHED
from orris_kit.database import DatabaseUnavailable, read, write
from orris_kit.logging import get_logger

CHUNK_BYTES = 64 * 1024
READ_CHUNKS = 15  # below 1 MiB together, what one message may carry
LOG_LIMIT = 16 * 1024 * 1024

Key = tuple[str, str]
log = get_logger(__name__)


class LogWriter:
    """Appends to the log of one build. Lines that come while others are being stored are stored together."""

    def __init__(self, engine: sa.Engine, key: Key, notify: Callable[[Key], None], executor: Executor) -> None:
        self._engine, self._key, self._notify, self._executor = (engine, key, notify, executor)
        self._pending = bytearray()
        self._scheduled = False
        self._gathering, self._storing = threading.Lock(), threading.Lock()
        with read(engine) as connection:
            self._size = log_size(connection, key)

    def line(self, text: str) -> None:
        """Append a line, to be stored soon."""
        with self._gathering:
            self._pending += text.encode("utf-8", "replace") + b"\n"
            if self._scheduled:
                return
            self._scheduled = True
        self._executor.submit(self._store_and_report)

    def flush(self) -> None:
        """Store what is not stored yet. The log of a finished build stays as it is."""
        with self._storing:
            with self._gathering:
                gathered, self._scheduled = len(self._pending), False
                data = _within_limit(bytes(self._pending), LOG_LIMIT - self._size)
            if not data:
                return
            with write(self._engine) as connection:
                if _is_open(connection, self._key):
                    # More than is known where the database went away as it stored the last.
                    stored = log_size(connection, self._key)
                    append(connection, self._key, stored, data[stored - self._size :])
            self._size += len(data)
            with self._gathering:  # not before: what could not be stored is stored with the next
                del self._pending[:gathered]
        self._notify(self._key)

    def _store_and_report(self) -> None:
        try:
            self.flush()
        except DatabaseUnavailable as error:
            log.warning("a build's log waits", build=self._key[1], why=error.message)
        except Exception:
            log.exception("a build's log could not be stored", build=self._key[1])


def append(connection: sa.Connection, key: Key, offset: int, data: bytes) -> None:
    """Store bytes of a log from `offset` on."""
    rows = [
        {
            "workspace": key[0],
            "build": key[1],
            "first": offset + begin,
            "after": offset + begin + len(part),
            "data": part,
        }
        for begin in range(0, len(data), CHUNK_BYTES)
        for part in (data[begin : begin + CHUNK_BYTES],)
    ]
    if rows:
        connection.execute(schema.build_log.insert(), rows)


def read_log(engine: sa.Engine, key: Key, offset: int) -> tuple[bytes, bool]:
    """Return the next bytes from `offset` (below 1 MiB) and whether the log ends behind them, for good.

    Raises NotFound (BUILD_NOT_FOUND), OutOfRange (OFFSET_TOO_LARGE).
    """
    table = schema.build_log.c
    with read(engine) as connection:
        state = _state(connection, key)  # before the bytes: behind a final state nothing is appended
        if state is None:
            raise NotFound(f"there is no build {key[1]!r} in the workspace {key[0]!r}", reason="BUILD_NOT_FOUND")
        size = log_size(connection, key)
        if not 0 <= offset <= size:
            raise OutOfRange(f"offset {offset} lies outside the log's {size} bytes", reason="OFFSET_TOO_LARGE")
        wanted = sa.select(table.first, table.data).where(*_of(table, key), table.after > offset)
        rows = connection.execute(wanted.order_by(table.first).limit(READ_CHUNKS)).all()
    data = b"".join(row.data[max(0, offset - row.first) :] for row in rows)
    return data, state not in UNFINISHED and offset + len(data) == size


def log_size(connection: sa.Connection, key: Key) -> int:
    """Return how many bytes are stored."""
    table = schema.build_log.c
    return int(connection.execute(sa.select(sa.func.max(table.after)).where(*_of(table, key))).scalar() or 0)


def _within_limit(data: bytes, left: int) -> bytes:
    if len(data) <= left:
        return data
    return data[:left] + b"\n... the log is too long: the rest is left out\n" if left > 0 else b""


def _is_open(connection: sa.Connection, key: Key) -> bool:
    return _state(connection, key, lock=True) in UNFINISHED


def _state(connection: sa.Connection, key: Key, *, lock: bool = False) -> int | None:
    table = schema.builds.c
    query = sa.select(table.state).where(*_of(table, key))
    return connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()


def _of(table: sa.sql.base.ReadOnlyColumnCollection[str, sa.Column[object]], key: Key) -> list[sa.ColumnElement[bool]]:
    return [table.workspace == key[0], table.build == key[1]]
