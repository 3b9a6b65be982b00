"""Logs: addressed by offset, complete when their end was said or their run is over.

An attempt counts from 0: what it writes comes behind what the attempts before it wrote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange, ResourceExhausted
from orris.names import check_id
from orris_kit.database import Statement
from orris_runs import limits
from orris_runs.leases import held_run
from orris_runs.log_rows import append_row, complete_log, read_rows
from orris_runs.model import STD_LOG, Run, RunLog
from orris_runs.reading import Reading
from orris_runs.schema import log_blobs, logs
from orris_runs.states import FINAL
from orris_runs.store import ARCHIVE_CHANGED, Change, Store, logs_changed

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
# Azure's older name of the same log; scripts and notebooks know both. It is stored once.
DRIVER_LOG = "azureml-logs/70_driver_log.txt"


@dataclass(frozen=True, slots=True)
class BlobRange:
    """Some bytes of a blob."""

    digest: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of a log: `data`, or where they are. `end`: the log ends behind them, for good."""

    run_key: int
    offset: int
    data: bytes = b""
    blob: BlobRange | None = None
    end: bool = False
    exists: bool = True

    @property
    def next_offset(self) -> int:
        """Where the following bytes begin."""
        return self.offset + (self.blob.size if self.blob else len(self.data))


@dataclass(frozen=True, slots=True)
class LogSizes:
    """How large logs become: in all, and before their beginnings move to the artifacts. In bytes."""

    cap: int = limits.LOG_CAP_BYTES
    segment: int = limits.LOG_SEGMENT_BYTES


@dataclass(frozen=True, slots=True)
class Written:
    """What a log file has grown by at an offset; `end`: it ends there, for good."""

    file: str
    offset: int
    data: bytes
    end: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """How far a log was taken: `size` is where to go on; when it is `full`, what follows is counted and dropped."""

    size: int
    full: bool = False


@dataclass(frozen=True, slots=True)
class _Visible:
    key: int
    file: str
    size: int
    complete: bool


_OWN = sa.select(logs).where(logs.c.run_key == sa.bindparam("run"))
_OF_RUN = Statement(_OWN)
_NAMED = Statement(_OWN.where(logs.c.file == sa.bindparam("named")))
_BY_KEY = Statement(sa.select(logs).where(logs.c.key == sa.bindparam("at")))
_COUNTED = Statement(sa.select(sa.func.count()).select_from(logs).where(logs.c.run_key == sa.bindparam("run")))
_INSERT = Statement(logs.insert())


class Logs:
    """The logs of runs."""

    def __init__(self, store: Store, reading: Reading, sizes: LogSizes = LogSizes()) -> None:
        self._store = store
        self._reading = reading
        self._sizes = sizes

    def append(self, lease: str, file: str, offset: int, data: bytes, end: bool) -> Taken:
        """Append bytes under a lease; return how far the log was taken. What is stored already is passed over.

        Raises what `take` does, and FailedPrecondition (LEASE_LOST).
        """
        with self._store.change() as change:
            return self.take(change, held_run(change.connection, lease), Written(file, offset, data, end))

    def take(self, change: Change, row: Any, written: Written) -> Taken:
        """Do so with what a run, given as its row, has written.

        Raises OutOfRange (LOG_GAP, with `size`), FailedPrecondition (LOG_COMPLETE), ResourceExhausted.
        """
        file, offset, data = written.file, written.offset, written.data
        check_id("file", file, field="file")
        if len(file.encode()) > limits.LOG_NAME_BYTES:
            raise InvalidArgument(f"file: names of logs have up to {limits.LOG_NAME_BYTES} bytes", field="file")
        if offset < 0 or len(data) > limits.LOG_APPEND_BYTES:
            raise InvalidArgument("send at most 1 MiB, from an offset of 0 or more", field="data")
        log = self._own(change, row, STD_LOG if file == DRIVER_LOG else file)
        taken = self._append(change, log, offset, data)
        # Where another attempt may follow, a log ends when the run does.
        if written.end and not log.complete and offset + len(data) == taken.size and not row.max_retries:
            complete_log(change.connection, _by_key(change.connection, log.key))
        change.wake(logs_changed(row.key))
        return taken

    def list(self, workspace: str, run: str) -> Sequence[RunLog]:
        """Return a run's logs by name. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.look() as connection:
            return _listed(_visible(connection, self._reading.require_row(connection, workspace, run)))

    def of_ended(self, workspace: str, run: str) -> tuple[Run, Sequence[RunLog]]:
        """Return a run as it stands, with its logs once it is final. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.look() as connection:
            row = self._reading.require_row(connection, workspace, run)
            found = self._reading.of_row(connection, row)
            return found, _listed(_visible(connection, row)) if found.final else ()

    def read(self, workspace: str, run: str, file: str, offset: int) -> Piece:
        """Return the bytes at an offset, none where there are none yet.

        Raises NotFound (RUN_NOT_FOUND), OutOfRange (OFFSET_TOO_LARGE).
        """
        if offset < 0:
            raise InvalidArgument("offset: 0 or more", field="offset")
        with self._store.look() as connection:
            row = self._reading.require_row(connection, workspace, run)
            wanted = STD_LOG if file == DRIVER_LOG else file
            log = next((each for each in _visible(connection, row) if each.file == wanted), None)
            size = log.size if log else 0
            if offset > size:
                message = f"offset {offset} lies behind the log's end, {size}"
                raise OutOfRange(message, reason="OFFSET_TOO_LARGE", metadata={"size": str(size)})
            if log is None:
                return Piece(row.key, 0, end=row.state in FINAL, exists=False)
            return _read(connection, row.key, log, offset)

    def require(self, piece: Piece, file: str) -> None:
        """Raise NotFound (LOG_NOT_FOUND) for a log that does not exist and never will."""
        if piece.end and not piece.exists:
            raise NotFound(f"the run has ended without writing a log {file[:200]!r}", reason="LOG_NOT_FOUND")

    def _own(self, change: Change, row: Any, file: str) -> Any:
        """Return a run's log, made if need be."""
        connection = change.connection
        wanted = {"run": row.key, "named": file}
        if (log := _NAMED.first(connection, wanted)) is not None:
            return log
        if file == BUILD_LOG:
            raise InvalidArgument(f"{file} is the log of the environment's build", field="file")
        if _COUNTED.value(connection, {"run": row.key}) >= limits.LOG_FILES:
            raise ResourceExhausted(f"a run has at most {limits.LOG_FILES} logs", reason="TOO_MANY_LOGS")
        new = {"run_key": row.key, "file": file, "size": 0, "complete": False, "to_archive": False}
        _INSERT.run(connection, new)
        return _NAMED.first(connection, wanted)

    def _append(self, change: Change, log: Any, offset: int, data: bytes) -> Taken:
        """Append what an attempt has written; offsets, and how far it was taken, are those of its own file."""
        taken: int = log.size + log.dropped - log.base
        full = log.dropped > 0 or log.size >= self._sizes.cap
        if log.complete and log.dropped:
            return Taken(offset + len(data), full=True)
        if offset > taken and not full:
            message = f"the log {log.file} has {taken} bytes so far; go on there"
            raise OutOfRange(message, reason="LOG_GAP", metadata={"size": str(taken)})
        new, passed_over = data[max(0, taken - offset) :], max(0, offset - taken)
        if not new and not passed_over:
            return Taken(taken, full)
        if log.complete:
            raise FailedPrecondition(f"the end of {log.file} was said before, at {taken}", reason="LOG_COMPLETE")
        fits = b"" if full else new[: self._sizes.cap - log.size]
        if fits:
            append_row(change.connection, log, fits)
            self._let_move(change, log, log.size + len(fits))
        if dropped := passed_over + len(new) - len(fits):
            counted = logs.update().where(logs.c.key == log.key).values(dropped=log.dropped + dropped)
            change.connection.execute(counted)
        size = log.size + len(fits)
        return Taken(taken + passed_over + len(new), dropped > 0 or size >= self._sizes.cap)

    def _let_move(self, change: Change, log: Any, size: int) -> None:
        """Let the first rows of a log become a blob once they are enough for one, and a row is behind them."""
        if log.to_archive or size - log.kept <= self._sizes.segment + limits.LOG_APPEND_BYTES:
            return
        change.connection.execute(logs.update().where(logs.c.key == log.key).values(to_archive=True))
        change.wake(ARCHIVE_CHANGED)


def _by_key(connection: sa.Connection, key: int) -> Any:
    return _BY_KEY.first(connection, {"at": key})


def _listed(visible: Sequence[_Visible]) -> Sequence[RunLog]:
    """Return logs as they are told of, by name."""
    found = [RunLog(log.file, log.size, log.complete) for log in visible]
    found += [RunLog(DRIVER_LOG, log.size, log.complete) for log in visible if log.file == STD_LOG]
    return sorted(found, key=lambda log: log.file)


def _visible(connection: sa.Connection, row: Any) -> Sequence[_Visible]:
    """Return a run's own logs, and that of the build that it waited for."""
    over = row.state in FINAL
    own = _OF_RUN.all(connection, {"run": row.key})
    found = [_Visible(log.key, log.file, log.size, log.complete or over) for log in own]
    if row.build:
        log = connection.execute(sa.select(logs).where(logs.c.build == row.build)).one()
        # A run that did not wait to the end keeps what there was then: an end once said stays the end.
        cut = row.build_log_size is not None
        found.append(_Visible(log.key, BUILD_LOG, row.build_log_size if cut else log.size, log.complete or over))
    return found


def _read(connection: sa.Connection, run_key: int, log: _Visible, offset: int) -> Piece:
    most = min(limits.LOG_READ_BYTES, log.size - offset)
    data = read_rows(connection, log.key, offset, most) if most else b""
    if most and not data:
        blob = _blob(connection, log.key, offset, most)
        return Piece(run_key, offset, blob=blob, end=log.complete and offset + blob.size == log.size)
    return Piece(run_key, offset, data, end=log.complete and offset + len(data) == log.size)


def _blob(connection: sa.Connection, log_key: int, offset: int, most: int) -> BlobRange:
    chosen = (
        sa.select(log_blobs)
        .where(log_blobs.c.log_key == log_key, log_blobs.c.offset <= offset)
        .order_by(log_blobs.c.offset.desc())
        .limit(1)
    )
    row = connection.execute(chosen).one()
    begin = offset - row.offset
    return BlobRange(row.digest, begin, min(most, row.size - begin))
