"""Pack anew what is left of packs of which most is gone; the old ones are left behind, for the next collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import DataLoss, NotFound
from orris_artifacts.blobs import Blobs
from orris_artifacts.index import Location, check_young, locked
from orris_artifacts.limits import MAX_BATCH_BYTES, MIB
from orris_artifacts.object_keys import new_id, pack_key
from orris_artifacts.packs import packed
from orris_artifacts.schema import blobs
from orris_artifacts.store.port import Store
from orris_kit.database import read, write
from orris_kit.logging import get_logger

# What is copied in one collection at most.
MOST_BYTES = 256 * MIB
_MOST_BLOBS = 1000

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Repacking:
    """Moves blobs out of sparse packs into new ones."""

    engine: sa.Engine
    store: Store
    blobs: Blobs
    clock: Callable[[], datetime]

    def repack(self, workspace: str, packs: Iterable[str]) -> Iterator[None]:
        """Move the blobs that lie in these packs, some at each step, until enough was copied for this time."""
        copied = 0
        for some in _batches(self._blobs_in(packs)):
            copied += sum(each.size for each in some)
            if copied > MOST_BYTES:
                return
            self._copy(workspace, some)
            yield

    def _blobs_in(self, packs: Iterable[str]) -> Iterator[Location]:
        columns = [blobs.c[name] for name in Location._fields]
        for key in packs:
            query = sa.select(*columns).where(blobs.c.object == key, ~blobs.c.damaged).order_by(blobs.c.offset)
            with read(self.engine) as connection:
                found = connection.execute(query).all()
            yield from (Location(*row) for row in found)

    def _copy(self, workspace: str, old: Sequence[Location]) -> None:
        try:
            data = self.blobs.read_many(workspace, [each.digest for each in old])
        except (DataLoss, NotFound) as error:
            # The damaged is known to be so now, the collected is gone: the others' turn comes next time.
            log.warning("packs were not packed anew", workspace=workspace, reason=error.reason, message=error.message)
            return
        key = pack_key(workspace, new_id(self.clock()))
        content, new = packed(key, {each.digest: bytes_ for each, bytes_ in zip(old, data, strict=True)})
        self.store.put(key, content)
        self._move(workspace, dict(zip(old, new, strict=True)))

    def _move(self, workspace: str, moves: Mapping[Location, Location]) -> None:
        """Let those blobs lie elsewhere that are still where they were."""
        places = {old.digest: old for old in moves}
        with write(self.engine) as connection:
            for row in locked(connection, workspace, list(places)):
                old = places[row.digest]
                if not row.damaged and (row.object, row.offset) == (old.object, old.offset):
                    this = (blobs.c.workspace == workspace, blobs.c.digest == row.digest)
                    place = {"object": moves[old].object, "offset": moves[old].offset}
                    connection.execute(blobs.update().where(*this).values(place))
            check_young(moves.values(), self.clock())


def _batches(locations: Iterable[Location]) -> Iterator[list[Location]]:
    """Give blobs in lists that fit into one pack."""
    some: list[Location] = []
    size = 0
    for each in locations:
        if some and (size + each.size > MAX_BATCH_BYTES or len(some) == _MOST_BLOBS):
            yield some
            some, size = [], 0
        some.append(each)
        size += each.size
    if some:
        yield some
