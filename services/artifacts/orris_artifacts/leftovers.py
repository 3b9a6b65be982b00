"""Objects that no blob lies in (any more): of collected blobs, of interrupted uploads, of what was stored twice.

An object gets its blobs' rows within an hour of being made, or never (`index.ROW_WITHIN`). So one that is older than
two hours and without a row, once all have ended who were writing, is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from orris_artifacts.amounts import Garbage
from orris_artifacts.index import ROW_WITHIN, groups
from orris_artifacts.object_keys import is_pack, made_at
from orris_artifacts.schema import blobs
from orris_artifacts.store.port import Store, StoredObject
from orris_kit.database import read

# The second hour is for clocks that differ.
LEFT_BEHIND_AFTER = ROW_WITHIN + timedelta(hours=1)
_AT_ONCE = 1000


class Leftovers(NamedTuple):
    """What to remove of a group of objects, and the packs that are worth being packed anew."""

    objects: list[StoredObject]
    sparse: list[str]

    @property
    def garbage(self) -> Garbage:
        """How much is to be removed."""
        return Garbage(objects=len(self.objects), object_bytes=sum(each.size for each in self.objects))


def find_leftovers(engine: sa.Engine, store: Store, workspace: str, made_before: datetime) -> Iterator[Leftovers]:
    """Look through a workspace's objects, some at each step. Keys that are not this service's are left alone."""
    for some in groups(store.list(f"{workspace}/"), _AT_ONCE):
        old = [each for each in some if (made := made_at(each.key)) and made < made_before]
        bytes_in = _bytes_in(engine, [each.key for each in old])
        kept = [each for each in old if each.key in bytes_in]
        sparse = [each.key for each in kept if is_pack(each.key) and bytes_in[each.key] * 2 < each.size]
        yield Leftovers([each for each in old if each.key not in bytes_in], sparse)


def _bytes_in(engine: sa.Engine, objects: Sequence[str]) -> dict[str, int]:
    """Return of objects that blobs lie in how many bytes are those of blobs; damaged ones keep theirs, for a rescue."""
    whole = sa.func.sum(sa.case((blobs.c.damaged, 0), else_=blobs.c.size))
    query = sa.select(blobs.c.object, whole).where(blobs.c.object.in_(objects)).group_by(blobs.c.object)
    with read(engine) as connection:
        return {key: int(size) for key, size in connection.execute(query)}
