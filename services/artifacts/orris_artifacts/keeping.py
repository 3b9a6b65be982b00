"""Files that are kept for somebody from the moment they are stored: bytes, tree and reference in one step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from orris.names import BlobName, TreeName
from orris_artifacts.blobs import Blobs
from orris_artifacts.digests import digest_of
from orris_artifacts.index import Index
from orris_artifacts.manifest import Entry
from orris_artifacts.references import References, take_turn_of
from orris_artifacts.trees import Tree, Trees
from orris_kit.database import Together


class Keeping:
    """Keeps a few small files at a time."""

    def __init__(self, together: Together, blobs: Blobs, index: Index, trees: Trees, references: References) -> None:
        self._together = together
        self._blobs = blobs
        self._index = index
        self._trees = trees
        self._references = references

    def keep(
        self,
        workspace: str,
        files: tuple[Iterable[Entry], Sequence[bytes]],
        reference: tuple[str, Sequence[str], Sequence[str]],
    ) -> Tree:
        """Store the tree of some entries and bytes; let an owner need it, and the trees and blobs of the reference.

        Raises what `Trees.create`, `Blobs.put_many` and `References.set` do.
        """
        entries, contents = files
        draft = self._trees.draft(workspace)
        try:
            draft.add(entries)
            new = self._trees.make(draft)
        finally:
            draft.close()
        owner, trees, blobs = reference
        tree = str(TreeName(workspace, new.tree.digest))
        refer = self._references.setting(workspace, [(owner, [*trees, tree], blobs)])
        needed = {*new.chunks, *(BlobName.parse(each).sha256 for each in blobs)}
        written = self._blobs.write_many(workspace, [(digest_of([data]), data) for data in contents])

        def keep(connection: sa.Connection) -> Tree:
            # The owner's turn before its blobs, and all of these in one order: nobody waits in a ring.
            take_turn_of(connection, workspace, owner)
            self._index.hold(connection, workspace, needed)
            if written:
                self._index.add_in(connection, workspace, written)
            kept = self._trees.add(connection, new)
            refer(connection)
            return kept

        try:
            return self._together.write(keep)
        except sa.exc.IntegrityError:
            # Somebody else created the same tree meanwhile: it is found now.
            return self._together.write(keep)
