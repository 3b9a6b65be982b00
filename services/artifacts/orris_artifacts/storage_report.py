"""How much a workspace keeps."""

from __future__ import annotations

import sqlalchemy as sa

from orris_artifacts.amounts import Storage
from orris_artifacts.schema import blobs, collections, references, trees
from orris_kit.database import read


class StorageReport:
    """Counts what is in the database; the store is not asked."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def storage(self, workspace: str) -> Storage:
        """Return how much a workspace keeps; one without anything keeps nothing."""
        count, total = sa.func.count(), sa.func.sum
        of_trees = sa.select(count, total(trees.c.file_count), total(trees.c.total_size))
        of_blobs = sa.select(blobs.c.damaged, count, total(blobs.c.size)).group_by(blobs.c.damaged)
        of_owners = sa.select(sa.func.count(references.c.owner.distinct()))
        of_collections = sa.select(collections.c.collect_time)
        with read(self._engine) as connection:
            tree_count, files, file_bytes = connection.execute(of_trees.where(trees.c.workspace == workspace)).one()
            rows = connection.execute(of_blobs.where(blobs.c.workspace == workspace))
            by_damage = {damaged: (number, size) for damaged, number, size in rows}
            owners = connection.scalar(of_owners.where(references.c.workspace == workspace))
            collect_time = connection.scalar(of_collections.where(collections.c.workspace == workspace))
        whole, damaged = (by_damage.get(each, (0, 0)) for each in (False, True))
        return Storage(
            workspace=workspace,
            trees=tree_count,
            files=int(files or 0),
            file_bytes=int(file_bytes or 0),
            blobs=whole[0],
            blob_bytes=int(whole[1]),
            damaged_blobs=damaged[0],
            owners=owners or 0,
            collect_time=collect_time,
        )
