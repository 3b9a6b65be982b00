"""The rules of trees: made once from entries that were checked, then only read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_artifacts import schema
from orris_artifacts.draft import Draft, Room
from orris_artifacts.index import TOUCH_AFTER, Index, groups
from orris_artifacts.limits import MAX_BATCH_BYTES, MAX_OPEN_ENTRIES
from orris_artifacts.manifest import Entry, Page, digest_of, entries_of, pages_of
from orris_kit.database import Statement, among, read, write

_NAMED = 5
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Tree:
    """What is known of a tree: `total_size` in bytes, counted without deduplication; `use_time` not to the minute."""

    workspace: str
    digest: str
    file_count: int
    total_size: int
    create_time: datetime
    use_time: datetime


@dataclass(frozen=True, slots=True)
class New:
    """A tree that is ready to be added: its entries, and their chunks' sizes by digest."""

    tree: Tree
    entries: Sequence[Entry]
    chunks: Mapping[str, int]
    pages: Sequence[Page]


class Trees:
    """The trees in a database, over the blobs of an index."""

    def __init__(self, engine: sa.Engine, index: Index, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._index = index
        self._clock = clock
        self._room = Room(MAX_OPEN_ENTRIES)

    def draft(self, workspace: str) -> Draft:
        """Begin a tree."""
        return Draft(workspace, self._room)

    def create(self, draft: Draft) -> Tree:
        """Store the tree of a draft; the same entries give the same tree.

        Raises InvalidArgument (INVALID_PATH, DIGEST_MISMATCH, ...), FailedPrecondition (BLOBS_MISSING).
        """
        new = self.make(draft)
        try:
            with write(self._engine) as connection:
                return self.add(connection, new)
        except sa.exc.IntegrityError:
            # Somebody else created the same tree meanwhile: theirs is as good.
            return self.get(new.tree.workspace, new.tree.digest)

    def make(self, draft: Draft) -> New:
        """Return the tree of a draft, to be added. Raises InvalidArgument as `create` does."""
        entries = draft.complete()
        size = sum(entry.size for entry in entries)
        now = self._clock()
        tree = Tree(draft.workspace, digest_of(entries), len(entries), size, create_time=now, use_time=now)
        return New(tree, entries, _chunks_of(entries), list(pages_of(entries)))

    def add(self, connection: sa.Connection, new: New) -> Tree:
        """Add a tree, or find it. Raises as `create` does, IntegrityError where somebody else adds it just now."""
        tree = new.tree
        _check_stored(new.entries, new.chunks, self._index.hold(connection, tree.workspace, new.chunks))
        if self.hold(connection, tree.workspace, [tree.digest]):
            return _select(connection, tree.workspace, tree.digest) or tree
        _insert(connection, tree, new.pages)
        return tree

    def get(self, workspace: str, digest: str) -> Tree:
        """Return what is known of a tree. Raises NotFound (TREE_NOT_FOUND)."""
        with read(self._engine) as connection:
            found = _select(connection, workspace, digest)
        if found and found.use_time < self._clock() - TOUCH_AFTER:
            with write(self._engine) as connection:
                if not self.hold(connection, workspace, [digest]):
                    found = None  # collected between the two transactions
        if found is None:
            message = f"workspace {workspace} has no tree {digest}"
            raise NotFound(message, reason="TREE_NOT_FOUND", metadata={"digest": digest})
        return found

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

    def hold(self, connection: sa.Connection, workspace: str, digests: Iterable[str]) -> set[str]:
        """Return which of these trees are there: none of them can be collected before this commits."""
        held: set[str] = set()
        for some in groups(sorted(digests), _AT_ONCE):
            rows = _LOCKED.all(connection, {"of": workspace, "digests": some})
            held.update(row.digest for row in rows)
            now = self._clock()
            stale = [row.digest for row in rows if row.use_time < now - TOUCH_AFTER]
            if stale:
                connection.execute(schema.trees.update().where(*_these(workspace, stale)).values(use_time=now))
        return held

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


def _insert(connection: sa.Connection, tree: Tree, pages: Sequence[Page]) -> None:
    connection.execute(schema.trees.insert().values(asdict(tree)))
    of_tree = {"workspace": tree.workspace, "tree": tree.digest}
    if pages:
        rows = [{**of_tree, "last_path": page.last_path, "content": page.content} for page in pages]
        connection.execute(schema.tree_pages.insert(), rows)


def _chunks_of(entries: Iterable[Entry]) -> dict[str, int]:
    """Return the chunks' sizes by their digests. Raises InvalidArgument (SIZE_MISMATCH) when two entries disagree."""
    chunks: dict[str, int] = {}
    for entry in entries:
        for chunk in entry.chunks:
            if chunks.setdefault(chunk.digest, chunk.size) != chunk.size:
                raise _wrong_size(entry.path, chunk.digest)
    return chunks


def _check_stored(entries: Iterable[Entry], chunks: Mapping[str, int], stored: Mapping[str, int]) -> None:
    """Check that all chunks are stored, with the sizes that the entries say."""
    missing = [digest for digest in chunks if digest not in stored]
    if missing:
        message = f"{len(missing)} chunks are not stored: {_named(missing)}; upload them, then retry"
        raise FailedPrecondition(message, reason="BLOBS_MISSING", metadata={"digest": missing[0]})
    if stored != chunks:
        wrong = next(digest for digest in chunks if stored[digest] != chunks[digest])
        raise _wrong_size(_file_with(entries, wrong), wrong)


def _these(workspace: str, digests: Sequence[str]) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return schema.trees.c.workspace == workspace, schema.trees.c.digest.in_(digests)


_TREE = Statement(
    sa.select(schema.trees).where(
        schema.trees.c.workspace == sa.bindparam("workspace"), schema.trees.c.digest == sa.bindparam("digest")
    )
)

_LOCKED = Statement(
    sa.select(schema.trees.c.digest, schema.trees.c.use_time)
    .where(schema.trees.c.workspace == sa.bindparam("of"), among(schema.trees.c.digest, "digests"))
    .order_by(schema.trees.c.digest)
    .with_for_update()
)


def _select(connection: sa.Connection, workspace: str, digest: str) -> Tree | None:
    row = _TREE.first(connection, {"workspace": workspace, "digest": digest})
    return Tree(**row._asdict()) if row else None


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
