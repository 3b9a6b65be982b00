"""The rules of trees: made once from entries that were checked, then only read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_artifacts import schema
from orris_artifacts.draft import Draft, Room
from orris_artifacts.limits import MAX_BATCH_BYTES, MAX_OPEN_ENTRIES
from orris_artifacts.manifest import Entry, digest_of, entries_of, line_of, pages_of
from orris_artifacts.store.port import Store
from orris_kit.database import read, write

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Tree:
    """What is known of a tree: `total_size` in bytes, counted without deduplication."""

    workspace: str
    digest: str
    file_count: int
    total_size: int
    create_time: datetime


class Trees:
    """The trees in a database, over the blobs in a store."""

    def __init__(self, engine: sa.Engine, store: Store, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock
        self._room = Room(MAX_OPEN_ENTRIES)

    def draft(self, workspace: str) -> Draft:
        """Begin a tree."""
        return Draft(workspace, self._room)

    def create(self, draft: Draft) -> Tree:
        """Store the tree of a draft; the same entries give the same tree.

        Raises InvalidArgument (INVALID_PATH, DIGEST_MISMATCH, ...), FailedPrecondition (BLOBS_MISSING).
        """
        entries = draft.complete()
        self._check_chunks(draft.workspace, entries)
        digest = digest_of(entries)
        known = self._find(draft.workspace, digest)
        if known is not None:
            return known
        self._check_long_files(draft.workspace, entries)
        size = sum(entry.size for entry in entries)
        tree = Tree(draft.workspace, digest, len(entries), size, self._clock())
        return self._insert(tree, entries)

    def get(self, workspace: str, digest: str) -> Tree:
        """Return what is known of a tree. Raises NotFound (TREE_NOT_FOUND)."""
        tree = self._find(workspace, digest)
        if tree is None:
            message = f"workspace {workspace} has no tree {digest}"
            raise NotFound(message, reason="TREE_NOT_FOUND", metadata={"digest": digest})
        return tree

    def entries(self, tree: Tree, path: str, after: str, limit: int) -> tuple[list[Entry], bool]:
        """Return entries in the order of their paths, and whether more follow.

        Only the file `path` or those below the folder `path`, unless empty; only those after the path `after`; at most
        `limit`, and not more than fit into one message.
        """
        path = path.rstrip("/")
        prefix = f"{path}/" if path else ""
        if path and not after:
            only = next(self._from(tree, path), None)
            if only is not None and only.path == path:
                return [only], False
        found: list[Entry] = []
        room = MAX_BATCH_BYTES
        for entry in self._from(tree, f"{after}\0" if after else prefix):
            if not entry.path.startswith(prefix):
                break
            room -= _message_bytes(entry)
            if found and (len(found) == limit or room < 0):
                return found, True
            found.append(entry)
        return found, False

    def existing(self, connection: sa.Connection, workspace: str, digests: Sequence[str]) -> set[str]:
        """Return which of these trees are there."""
        table = schema.trees.c
        query = sa.select(table.digest).where(table.workspace == workspace)
        found: set[str] = set()
        for begin in range(0, len(digests), 500):
            found |= set(connection.scalars(query.where(table.digest.in_(digests[begin : begin + 500]))))
        return found

    def _find(self, workspace: str, digest: str) -> Tree | None:
        with read(self._engine) as connection:
            return _select(connection, workspace, digest)

    def _insert(self, tree: Tree, entries: Sequence[Entry]) -> Tree:
        pages = [
            {"workspace": tree.workspace, "tree": tree.digest, "last_path": page.last_path, "content": page.content}
            for page in pages_of(entries)
        ]
        try:
            with write(self._engine) as connection:
                values = {column.name: getattr(tree, column.name) for column in schema.trees.columns}
                connection.execute(schema.trees.insert().values(values))
                if pages:
                    connection.execute(schema.tree_pages.insert(), pages)
        except sa.exc.IntegrityError:
            # Somebody else created the same tree meanwhile: theirs is as good.
            return self.get(tree.workspace, tree.digest)
        return tree

    def _from(self, tree: Tree, start: str) -> Iterator[Entry]:
        """Give the entries whose paths are not before `start`, reading page after page."""
        # A page token may have been made up: half a surrogate pair is before or after something, too.
        first = start.encode(errors="surrogatepass")
        table = schema.tree_pages.c
        query = sa.select(table.last_path, table.content).order_by(table.last_path).limit(1)
        query = query.where(table.workspace == tree.workspace, table.tree == tree.digest)
        while True:
            with read(self._engine) as connection:
                page = connection.execute(query.where(table.last_path >= first)).one_or_none()
            if page is None:
                return
            yield from entries_of(page.content, start)
            first = page.last_path + b"\0"

    def _check_chunks(self, workspace: str, entries: Iterable[Entry]) -> None:
        """Check that all chunks are stored, with the sizes that the entries say."""
        claimed: dict[str, int] = {}
        for entry in entries:
            for chunk in entry.chunks:
                if claimed.setdefault(chunk.digest, chunk.size) != chunk.size:
                    raise _wrong_size(entry.path, chunk.digest)
        stored = self._store.sizes(workspace, claimed)
        missing = [digest for digest in claimed if digest not in stored]
        if missing:
            message = f"{len(missing)} chunks are not stored: {_named(missing)}; upload them, then retry"
            raise FailedPrecondition(message, reason="BLOBS_MISSING", metadata={"digest": missing[0]})
        if stored != claimed:
            wrong = next(digest for digest in claimed if stored[digest] != claimed[digest])
            raise _wrong_size(_file_with(entries, wrong), wrong)

    def _check_long_files(self, workspace: str, entries: Iterable[Entry]) -> None:
        """Check the digests of files of several chunks by reading them, each file once and for all."""
        for entry in entries:
            if len(entry.chunks) < 2:
                continue
            key = {"workspace": workspace, "fingerprint": _fingerprint(entry)}
            table = schema.checked_files
            with read(self._engine) as connection:
                if connection.execute(sa.select(table).filter_by(**key)).first():
                    continue
            self._check_long_file(workspace, entry)
            try:
                with write(self._engine) as connection:
                    connection.execute(table.insert().values(**key))
            except sa.exc.IntegrityError:
                pass

    def _check_long_file(self, workspace: str, entry: Entry) -> None:
        whole = hashlib.sha256()
        for chunk in entry.chunks:
            whole.update(self._store.read(workspace, chunk.digest))
        if whole.hexdigest() != entry.digest:
            message = f"the chunks of {entry.path[:300]!r} have the digest {whole.hexdigest()}, not {entry.digest}"
            raise InvalidArgument(message, field="entries.digest", reason="DIGEST_MISMATCH")


def _select(connection: sa.Connection, workspace: str, digest: str) -> Tree | None:
    query = sa.select(schema.trees).filter_by(workspace=workspace, digest=digest)
    row = connection.execute(query).one_or_none()
    return Tree(**row._mapping) if row else None


def _fingerprint(entry: Entry) -> str:
    """Return what stands for the file's digest and chunks, whatever its path and mode."""
    return hashlib.sha256(line_of(entry).split(b"\0", 2)[2]).hexdigest()


def _message_bytes(entry: Entry) -> int:
    """Return about how much an entry takes in a message."""
    return len(entry.path.encode()) + 100 + 75 * len(entry.chunks)


def _file_with(entries: Iterable[Entry], digest: str) -> str:
    return next(entry.path for entry in entries if any(chunk.digest == digest for chunk in entry.chunks))


def _named(digests: Sequence[str]) -> str:
    return ", ".join(digests[:_NAMED]) + (", …" if len(digests) > _NAMED else "")


def _wrong_size(path: str, digest: str) -> InvalidArgument:
    message = f"the file {path[:300]!r} gives its chunk {digest} a size that blob does not have"
    return InvalidArgument(message, field="entries.chunks.size", reason="SIZE_MISMATCH")
