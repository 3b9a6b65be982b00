"""Which parts of logs are to move to the artifacts, and what a run needs there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orris.names import BlobName, RunName
from orris_kit.database import Statement
from orris_runs import limits
from orris_runs.log_rows import read_rows
from orris_runs.model import USERS_KINDS, Run
from orris_runs.rows import find_run, to_run
from orris_runs.schema import log_blobs, log_rows, logs, runs
from orris_runs.states import FINAL
from orris_runs.store import Store

_BLOBS = Statement(
    sa.select(log_blobs.c.digest)
    .join(logs, logs.c.key == log_blobs.c.log_key)
    .where(logs.c.run_key == sa.bindparam("of"))
    .distinct()
)
# Of other kinds, whoever ordered them takes what it needs.
_KEEPING = frozenset(USERS_KINDS)


@dataclass(frozen=True, slots=True)
class Segment:
    """The bytes of a log from `begin` to `end`, which nothing will change, on their way from rows to a blob."""

    log: int
    run: RunName
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run needs to be kept: resource names of trees and blobs."""

    trees: Sequence[str]
    blobs: Sequence[str]


class Archive:
    """The logs on their way into the artifacts. A reader notices nothing.

    A log that grows moves segment by segment, what is behind the last whole one stays rows; of one that is finished and
    large, all moves. Rows before the last one never change.
    """

    def __init__(self, store: Store, segment: int = limits.LOG_SEGMENT_BYTES) -> None:
        self._store = store
        self._segment = segment

    def next(self, after: int = 0) -> Segment | None:
        """Return what is to move next, of logs with a key above `after`; None when there is nothing."""
        chosen = (
            sa.select(logs, runs.c.workspace, runs.c.id.label("run"), runs.c.state)
            .join(runs, runs.c.key == logs.c.run_key)
            .where(logs.c.to_archive.is_(True), logs.c.key > after)
            .order_by(logs.c.key)
            .limit(1)
        )
        with self._store.look() as connection:
            row = connection.execute(chosen).one_or_none()
            if row is None:
                return None
            return Segment(row.key, RunName(row.workspace, row.run), row.kept, self._end(connection, row))

    def read(self, segment: Segment) -> bytes:
        """Return the bytes of a segment."""
        with self._store.look() as connection:
            return read_rows(connection, segment.log, segment.begin, segment.end - segment.begin)

    def moved(self, segment: Segment, digest: str) -> None:
        """Forget the rows of a segment whose blob is stored and referred to."""
        chosen = sa.select(logs).where(logs.c.key == segment.log).with_for_update()
        with self._store.change() as change:
            connection = change.connection
            log = connection.execute(chosen).one_or_none()
            if log is None or log.kept != segment.begin:
                return  # deleted meanwhile, or moved before
            size = segment.end - segment.begin
            if size:
                values = {"log_key": segment.log, "offset": segment.begin, "size": size, "digest": digest}
                connection.execute(log_blobs.insert().values(values))
                inside = (log_rows.c.offset >= segment.begin, log_rows.c.offset < segment.end)
                connection.execute(log_rows.delete().where(log_rows.c.log_key == segment.log, *inside))
            over = connection.execute(sa.select(runs.c.state).where(runs.c.key == log.run_key)).scalar() in FINAL
            rest = log.size - segment.end
            more = rest > 0 if over else rest > self._segment + limits.LOG_APPEND_BYTES
            kept = logs.update().where(logs.c.key == segment.log).values(kept=segment.end, to_archive=more)
            connection.execute(kept)

    def needs(self, run: RunName) -> Needs:
        """Return what a run needs to be kept, as it stands; nothing for one that is not recorded."""
        with self._store.look() as connection:
            row = find_run(connection, run.workspace, run.run)
            if row is None:
                return Needs([], [])
            blobs = [str(BlobName(run.workspace, each.digest)) for each in _BLOBS.all(connection, {"of": row.key})]
        found = to_run(row, {}, {})
        return Needs(sorted(set(_trees(found))) if _is_of_use(found) else [], sorted(blobs))

    def _end(self, connection: sa.Connection, log: Any) -> int:
        """Return where the next segment of a log ends: where a row does, or with the log when that is over."""
        kept: int = log.kept
        if log.state in FINAL and log.size - kept <= self._segment:
            return int(log.size)
        begins = sa.select(log_rows.c.offset).where(log_rows.c.log_key == log.key, log_rows.c.offset > kept)
        within = begins.where(log_rows.c.offset <= kept + self._segment).order_by(log_rows.c.offset.desc()).limit(1)
        behind = begins.order_by(log_rows.c.offset).limit(1)
        found = connection.execute(within).scalar() or connection.execute(behind).scalar()
        return int(found or (log.size if log.state in FINAL else kept))


def _trees(run: Run) -> Iterator[str]:
    yield from run.program.trees
    yield from filter(None, [run.outputs])
    yield from (each.tree for each in run.produced)
    yield from (each.tree for each in run.datasets_read)


def _is_of_use(run: Run) -> bool:
    """Tell whether a run's files are: of an ended conversion or replica, nobody needs any but those who took them."""
    return run.kind in _KEEPING or run.state not in FINAL
