"""What can be read of this service from outside: how much is stored, over all workspaces."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orris_artifacts.schema import blobs, trees
from orris_kit.database import read
from orris_kit.metrics import Family

# From the index by workspace, damage and size: no row is read.
_BLOBS = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(blobs.c.size), 0)).where(~blobs.c.damaged)
_DAMAGED = sa.select(sa.func.count()).select_from(blobs).where(blobs.c.damaged)
_TREES = sa.select(sa.func.count()).select_from(trees)


def numbers_of(engine: sa.Engine) -> Iterator[Family]:
    """Give what is to be told of the blobs now."""
    with read(engine) as connection:
        count, size = connection.execute(_BLOBS).one()
        damaged, kept = connection.scalar(_DAMAGED) or 0, connection.scalar(_TREES) or 0
    yield Family("orris_blobs", "Blobs stored.", (), {(): float(count)})
    yield Family("orris_blob_bytes", "Bytes of the blobs stored, each counted once.", (), {(): float(size)})
    yield Family("orris_blobs_damaged", "Blobs whose bytes were found to be wrong.", (), {(): float(damaged)})
    yield Family("orris_trees", "Trees stored.", (), {(): float(kept)})
