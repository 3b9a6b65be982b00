"""Drop what a workspace no longer needs: trees that nobody refers to, then blobs that neither trees nor owners need.

Each transaction locks what it is about to drop, and only then looks again whether somebody has used it or refers to it:
whoever does so has locked it, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris_artifacts.amounts import Garbage
from orris_artifacts.index import locked
from orris_artifacts.manifest import PAGE_ENTRIES
from orris_artifacts.marking import Marks, shards_of
from orris_artifacts.schema import blobs, references, tree_pages, trees
from orris_kit.database import read, write

# Rows in one transaction: others wait for no longer than dropping these takes.
ROWS_AT_ONCE = 1000

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Dropping:
    """What was not used since `unused_since` in a workspace and is not needed; `dry_run` only counts it."""

    engine: sa.Engine
    workspace: str
    unused_since: datetime
    dry_run: bool = False

    def drop_trees(self) -> Iterator[Garbage]:
        """Drop trees with their pages, some at each step."""
        for some in self._candidates(trees, "tree"):
            for few in [some] if self.dry_run else _by_pages(some):
                yield Garbage(trees=len(few) if self.dry_run else self._drop_trees([row.digest for row in few]))

    def drop_blobs(self) -> Iterator[Garbage]:
        """Drop blobs, some at each step. Every tree created after the first step must hold its blobs."""
        with read(self.engine) as connection:
            mine = blobs.c.workspace == self.workspace
            count = connection.scalar(sa.select(sa.func.count()).select_from(blobs).where(mine)) or 0
        # Trees that would have been dropped need nothing; of those that were not dropped in earnest, all do.
        living = ~self._unneeded(trees, "tree") if self.dry_run else None
        for shard in shards_of(count):
            marks = Marks(shard)
            for _ in marks.read(self.engine, self.workspace, living):
                yield Garbage()
            for some in self._candidates(blobs, "blob"):
                doomed = [row for row in some if marks.lack(row.digest)]
                yield _of(doomed) if self.dry_run or not doomed else self._drop_blobs([row.digest for row in doomed])

    def _drop_trees(self, digests: Sequence[str]) -> int:
        with write(self.engine) as connection:
            query = sa.select(trees).where(*_these(trees, self.workspace, digests)).order_by(trees.c.digest)
            gone = self._still_unneeded(connection, "tree", connection.execute(query.with_for_update()).all())
            pages = tree_pages.c
            connection.execute(
                tree_pages.delete().where(pages.workspace == self.workspace, pages.tree.in_(_digests(gone)))
            )
            connection.execute(trees.delete().where(*_these(trees, self.workspace, _digests(gone))))
        return len(gone)

    def _drop_blobs(self, digests: Sequence[str]) -> Garbage:
        with write(self.engine) as connection:
            gone = self._still_unneeded(connection, "blob", locked(connection, self.workspace, digests))
            connection.execute(blobs.delete().where(*_these(blobs, self.workspace, _digests(gone))))
        return _of(gone)

    def _still_unneeded(self, connection: sa.Connection, kind: str, rows: Sequence[Row]) -> list[Row]:
        """Return those of the locked rows that are to be dropped."""
        unused = [row for row in rows if row.use_time < self.unused_since]
        # A statement of its own, so that PostgreSQL sees what was committed before the rows were locked.
        needed = references.c
        query = sa.select(needed.digest).where(needed.workspace == self.workspace, needed.kind == kind)
        referred = set(connection.scalars(query.where(needed.digest.in_(_digests(unused)))))
        return [row for row in unused if row.digest not in referred]

    def _candidates(self, table: sa.Table, kind: str) -> Iterator[Sequence[Row]]:
        """Give rows that seem unneeded, some at a time, in the order of their digests."""
        query = sa.select(table).where(table.c.workspace == self.workspace, self._unneeded(table, kind))
        query = query.order_by(table.c.digest).limit(ROWS_AT_ONCE)
        after = ""
        while True:
            with read(self.engine) as connection:
                found = connection.execute(query.where(table.c.digest > after)).all()
            if not found:
                return
            yield found
            after = found[-1].digest

    def _unneeded(self, table: sa.Table, kind: str) -> sa.ColumnElement[bool]:
        """Return whether a row was not used and nobody refers to it."""
        to_it = (references.c.workspace == table.c.workspace, references.c.digest == table.c.digest)
        referred = sa.select(sa.literal_column("1")).where(references.c.kind == kind, *to_it).exists()
        return sa.and_(table.c.use_time < self.unused_since, ~referred)


def _by_pages(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Give trees in lists whose pages are about ROWS_AT_ONCE together."""
    few: list[Row] = []
    pages = 0
    for row in rows:
        few.append(row)
        pages += 1 + row.file_count // PAGE_ENTRIES
        if pages >= ROWS_AT_ONCE:
            yield few
            few, pages = [], 0
    if few:
        yield few


def _of(rows: Sequence[Row]) -> Garbage:
    return Garbage(blobs=len(rows), blob_bytes=sum(row.size for row in rows))


def _digests(rows: Sequence[Row]) -> list[str]:
    return [row.digest for row in rows]


def _these(
    table: sa.Table, workspace: str, digests: Sequence[str]
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return table.c.workspace == workspace, table.c.digest.in_(digests)
