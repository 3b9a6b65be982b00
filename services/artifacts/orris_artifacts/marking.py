"""Which blobs the trees of a workspace need: their raw digests, a part of them at a time where there are many.

A set of 200,000 takes about 25 MB. Each part is a range of digests, and takes reading all trees' pages once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import sqlalchemy as sa

from orris_artifacts.manifest import chunk_digests
from orris_artifacts.schema import tree_pages, trees
from orris_kit.database import read

BLOBS_AT_ONCE = 200_000
# A page is at most about 0.1 MB packed.
_PAGES_AT_ONCE = 16
_PREFIXES = 0x1_0000


class Shard(NamedTuple):
    """The digests from `first` up to, but without, `end`: compared as text, as the database does."""

    first: str
    end: str


def shards_of(blob_count: int) -> list[Shard]:
    """Return ranges of digests that cover all, each of about BLOBS_AT_ONCE."""
    count = min(max(1, -(-blob_count // BLOBS_AT_ONCE)), _PREFIXES)
    bounds = [f"{number * _PREFIXES // count:04x}" for number in range(1, count)]
    return [Shard(first, end) for first, end in zip(["", *bounds], [*bounds, "g"], strict=True)]


class Marks:
    """The blobs of a shard that trees need."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._needed: set[bytes] = set()

    def lack(self, digest: str) -> bool:
        """Tell whether a blob is of this shard and no tree needs it."""
        return self._has(digest) and bytes.fromhex(digest) not in self._needed

    def read(self, engine: sa.Engine, workspace: str, living: sa.ColumnElement[bool] | None = None) -> Iterator[None]:
        """Read the pages of a workspace's trees, all or those for which `living` is true, some at each step."""
        whole = self._shard == ("", "g")
        for contents in _contents(engine, workspace, living):
            digests = chain.from_iterable(map(chunk_digests, contents))
            self._needed.update(map(bytes.fromhex, digests if whole else filter(self._has, digests)))
            yield

    def _has(self, digest: str) -> bool:
        return self._shard.first <= digest < self._shard.end


def _contents(engine: sa.Engine, workspace: str, living: sa.ColumnElement[bool] | None) -> Iterator[list[bytes]]:
    pages = tree_pages.c
    place = sa.tuple_(pages.tree, pages.last_path)
    query = sa.select(tree_pages).where(pages.workspace == workspace).order_by(pages.tree, pages.last_path)
    if living is not None:
        query = query.join(trees, (trees.c.workspace == pages.workspace) & (trees.c.digest == pages.tree)).where(living)
    after: tuple[str, bytes] = ("", b"")
    while True:
        with read(engine) as connection:
            found = connection.execute(query.where(place > after).limit(_PAGES_AT_ONCE)).all()
        if not found:
            return
        yield [page.content for page in found]
        after = (found[-1].tree, found[-1].last_path)
