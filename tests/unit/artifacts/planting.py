"""Store things that a collection of garbage finds or leaves, and count what is there."""

from __future__ import annotations

import hashlib
from contextlib import closing
from datetime import timedelta

import sqlalchemy as sa

from orris_artifacts import schema
from orris_artifacts.amounts import Garbage
from orris_artifacts.core import Artifacts
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.store.port import Store
from orris_kit.database import read

DAY = timedelta(days=1)
SHORTEST = timedelta(minutes=10)
RUN = "workspaces/lab/runs/r1"
TABLES = (schema.blobs, schema.trees, schema.tree_pages, schema.references)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(core: Artifacts, *blobs: bytes) -> list[str]:
    """Store blobs, each alone; return their digests."""
    for data in blobs:
        core.blobs.put("lab", digest_of(data), data)
    return [digest_of(data) for data in blobs]


def put_together(core: Artifacts, *blobs: bytes) -> list[str]:
    """Store blobs in one pack; return their digests."""
    core.blobs.put_many("lab", [(digest_of(data), data) for data in blobs])
    return [digest_of(data) for data in blobs]


def tree_of(core: Artifacts, *files: bytes) -> str:
    """Make a tree of blobs that are there; return its name."""
    chunks = [Chunk(digest_of(data), len(data)) for data in files]
    with closing(core.trees.draft("lab")) as draft:
        draft.add([Entry(f"f{n}", each.size, 0o644, each.digest, (each,)) for n, each in enumerate(chunks)])
        return f"workspaces/lab/trees/{core.trees.create(draft).digest}"


def plant(core: Artifacts, *files: bytes) -> str:
    """Store a tree of files, each a blob of its own; return its name."""
    put(core, *files)
    return tree_of(core, *files)


def collect(core: Artifacts, grace: timedelta = DAY, *, dry_run: bool = False) -> Garbage:
    """Collect all garbage of the workspace; return how much it was."""
    found = Garbage()
    for now in core.garbage.collect("lab", grace, dry_run=dry_run):
        found = now
    return found


def row_counts(engine: sa.Engine) -> dict[str, int]:
    """Return how many rows the tables have that are about what is stored."""
    with read(engine) as connection:
        return {each.name: connection.scalar(sa.select(sa.func.count()).select_from(each)) or 0 for each in TABLES}


def objects(store: Store) -> list[str]:
    """Return the keys of the workspace's objects."""
    return sorted(each.key for each in store.list("lab/"))
