"""The bytes of logs: rows that small appends are gathered in, until they move to the artifacts."""

from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_runs import limits
from orris_runs.schema import log_rows, logs

NOTICE = (
    "\n[Orris: {dropped:,} more bytes were written and are not kept: the log had reached the size that"
    " ORRIS_RUNS_LOG_CAP allows]\n"
)

_LAST = Statement(
    sa.select(log_rows).where(log_rows.c.log_key == sa.bindparam("log")).order_by(log_rows.c.offset.desc()).limit(1)
)
_INSERT = Statement(log_rows.insert())
_EXTEND = Statement(
    log_rows.update().where(log_rows.c.log_key == sa.bindparam("log"), log_rows.c.offset == sa.bindparam("from"))
)
_UPDATE = Statement(logs.update().where(logs.c.key == sa.bindparam("at")))
_BEGIN_BEHIND = Statement(
    logs.update().where(logs.c.run_key == sa.bindparam("of")).values(base=logs.c.size + logs.c.dropped, complete=False)
)


def append_row(connection: sa.Connection, log: Any, data: bytes) -> None:
    """Append bytes to a log (a row of `logs`), to its last row where there is room."""
    last = _LAST.first(connection, {"log": log.key}) if log.size else None
    if last is not None and len(last.data) + len(data) <= limits.LOG_ROW_BYTES:
        _EXTEND.run(connection, {"log": log.key, "from": last.offset, "data": last.data + data})
    elif data:
        _INSERT.run(connection, {"log_key": log.key, "offset": log.size, "data": data})
    _UPDATE.run(connection, {"at": log.key, "size": log.size + len(data)})


def append_line(connection: sa.Connection, log: Any, line: str) -> None:
    """Append a line of our own to a log that goes on: the program's last one may lack its end."""
    last = _LAST.first(connection, {"log": log.key}) if log.size else None
    before = b"\n" if last is not None and not last.data.endswith(b"\n") else b""
    append_row(connection, log, before + line.encode())


def complete_log(connection: sa.Connection, log: Any) -> None:
    """Say that nothing more will come, and of one that was cut off, in its last line, how much is missing."""
    if log.dropped:
        append_row(connection, log, NOTICE.format(dropped=log.dropped).encode())
    _UPDATE.run(connection, {"at": log.key, "complete": True})


def begin_behind(connection: sa.Connection, run: int) -> None:
    """Let what another agent sends of a run (its key) from now on come behind what its logs have."""
    _BEGIN_BEHIND.run(connection, {"of": run})


def read_rows(connection: sa.Connection, log_key: int, offset: int, most: int) -> bytes:
    """Return up to `most` bytes of a log from an offset."""
    first = (
        sa.select(sa.func.max(log_rows.c.offset))
        .where(log_rows.c.log_key == log_key, log_rows.c.offset <= offset)
        .scalar_subquery()
    )
    chosen = (
        sa.select(log_rows.c.offset, log_rows.c.data)
        .where(log_rows.c.log_key == log_key, log_rows.c.offset >= first, log_rows.c.offset < offset + most)
        .order_by(log_rows.c.offset)
    )
    pieces = [row.data[max(0, offset - row.offset) :] for row in connection.execute(chosen)]
    return b"".join(pieces)[:most]
