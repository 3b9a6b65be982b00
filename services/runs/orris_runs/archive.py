"""Which finished logs are to move to the artifacts, and what a run needs there."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from orris.names import BlobName, RunName
from orris_runs.log_rows import read_rows
from orris_runs.model import Kind, Run
from orris_runs.rows import load_runs
from orris_runs.schema import log_blobs, log_rows, logs, runs
from orris_runs.states import FINAL
from orris_runs.store import Store


@dataclass(frozen=True, slots=True)
class FinishedLog:
    """A log that is complete and large enough to be kept as blobs."""

    key: int
    run: RunName
    size: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Some bytes of a log, as a blob."""

    offset: int
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What a run needs to be kept: resource names of trees and blobs."""

    trees: Sequence[str]
    blobs: Sequence[str]


class Archive:
    """The logs on their way into the artifacts. A reader notices nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next(self, after: int = 0) -> FinishedLog | None:
        """Return a log that is to move, of those with a key above `after`; None when there is none."""
        chosen = (
            sa.select(logs.c.key, logs.c.size, runs.c.workspace, runs.c.id)
            .join(runs, runs.c.key == logs.c.run_key)
            .where(logs.c.to_archive.is_(True), logs.c.key > after)
            .order_by(logs.c.key)
            .limit(1)
        )
        with self._store.look() as connection:
            row = connection.execute(chosen).one_or_none()
        return FinishedLog(row.key, RunName(row.workspace, row.id), row.size) if row else None

    def read(self, log: FinishedLog, offset: int, most: int) -> bytes:
        """Return up to `most` bytes of such a log."""
        with self._store.look() as connection:
            return read_rows(connection, log.key, offset, most)

    def moved(self, log: FinishedLog, parts: Sequence[StoredPart]) -> None:
        """Forget the rows of a log whose blobs are stored and referred to."""
        values = [
            {"log_key": log.key, "offset": part.offset, "size": part.size, "digest": part.digest} for part in parts
        ]
        with self._store.change() as change:
            change.connection.execute(log_blobs.insert(), values)
            change.connection.execute(log_rows.delete().where(log_rows.c.log_key == log.key))
            change.connection.execute(logs.update().where(logs.c.key == log.key).values(to_archive=False))

    def needs(self, run: RunName) -> Needs:
        """Return what a run needs to be kept, as it stands; nothing for one that is not recorded."""
        with self._store.look() as connection:
            found = load_runs(connection, runs.c.workspace == run.workspace, runs.c.id == run.run)
            chosen = sa.select(log_blobs.c.digest).join(logs, logs.c.key == log_blobs.c.log_key)
            digests = connection.execute(
                chosen.where(logs.c.run_key == (found[0].key if found else None)).distinct()
            ).scalars()
            blobs = [str(BlobName(run.workspace, digest)) for digest in digests]
        trees = {tree for each in found if _is_of_use(each) for tree in (each.program.snapshot, each.outputs) if tree}
        return Needs(sorted(trees), sorted(blobs))


def _is_of_use(run: Run) -> bool:
    """Tell whether a run's files are: of an ended conversion or replica, nobody needs any but those who took them."""
    return run.kind is Kind.TRAINING or run.state not in FINAL
