"""A tree that is being created: its entries arrive in any order, over several messages."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from orris.digests import digest_of_file
from orris.errors import InvalidArgument, ResourceExhausted
from orris.tree_paths import check_collisions, check_path
from orris_artifacts.digests import check_digest
from orris_artifacts.limits import MAX_BLOB_BYTES, MAX_CHUNKS, MAX_MODE, MAX_TREE_ENTRIES, MAX_TREE_MANIFEST_BYTES
from orris_artifacts.manifest import Entry

# What an entry's digests, separators and numbers take in the manifest, about.
_DIGEST_BYTES = 65


class Room:
    """How many entries may be held at one time, over all drafts."""

    def __init__(self, entries: int) -> None:
        self._left = entries
        self._lock = threading.Lock()

    def take(self, entries: int) -> None:
        """Take room. Raises ResourceExhausted (TOO_MANY_TREES) when there is too little."""
        with self._lock:
            if entries > self._left:
                message = "too many large trees are being created at once; retry later"
                raise ResourceExhausted(message, reason="TOO_MANY_TREES", retry_after=5)
            self._left -= entries

    def give_back(self, entries: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._left += entries


class Draft:
    """Collects checked entries; `close` it in any case: also while more of them are being added, in another thread."""

    def __init__(self, workspace: str, room: Room) -> None:
        self.workspace = workspace
        self._room = room
        self._entries: list[Entry] = []
        self._manifest_bytes = 0
        self._closed = False
        self._at_work = threading.Lock()

    def add(self, entries: Iterable[Entry]) -> None:
        """Take some of the tree's entries. Raises InvalidArgument that names the path."""
        entries = list(entries)
        with self._at_work:
            if not self._closed:
                self._add(entries)

    def _add(self, entries: list[Entry]) -> None:
        if len(self._entries) + len(entries) > MAX_TREE_ENTRIES:
            message = f"a tree holds at most {MAX_TREE_ENTRIES:,} files; pack small files into archives"
            raise InvalidArgument(message, field="entries", reason="TREE_TOO_LARGE")
        for entry in entries:
            _check_entry(entry)
            self._manifest_bytes += len(entry.path) + _DIGEST_BYTES * (1 + len(entry.chunks))
        if self._manifest_bytes > MAX_TREE_MANIFEST_BYTES:
            message = "the tree's manifest is too large; make several trees of it"
            raise InvalidArgument(message, field="entries", reason="TREE_TOO_LARGE")
        self._room.take(len(entries))
        self._entries += entries

    def complete(self) -> list[Entry]:
        """Return all entries, sorted by path. Raises InvalidArgument (INVALID_PATH) when two collide."""
        check_collisions(entry.path for entry in self._entries)
        # The order of code points is that of their bytes in UTF-8.
        return sorted(self._entries, key=lambda entry: entry.path)

    def close(self) -> None:
        """Give back the room."""
        with self._at_work:
            self._closed = True
            self._room.give_back(len(self._entries))
            self._entries = []


def _check_entry(entry: Entry) -> None:
    check_path(entry.path)
    check_digest(entry.digest, field="entries.digest")
    for chunk in entry.chunks:
        check_digest(chunk.digest, field="entries.chunks.digest")
        if not 0 < chunk.size <= MAX_BLOB_BYTES:
            raise _invalid(
                entry, "chunks.size", f"has a chunk of {chunk.size} bytes; 1 to {MAX_BLOB_BYTES} are allowed"
            )
    if len(entry.chunks) > MAX_CHUNKS:
        raise _invalid(entry, "chunks", f"has {len(entry.chunks)} chunks; at most {MAX_CHUNKS} are allowed")
    if not 0 <= entry.mode <= MAX_MODE:
        raise _invalid(entry, "mode", f"has mode {entry.mode:o}; at most 777 is allowed")
    total = sum(chunk.size for chunk in entry.chunks)
    if entry.size != total:
        raise _invalid(entry, "size", f"has size {entry.size}, but its chunks have {total} bytes together")
    digest = digest_of_file([chunk.digest for chunk in entry.chunks])
    if entry.digest != digest:
        fault = f"has digest {entry.digest}, but its chunks make {digest}; hash it again"
        raise _invalid(entry, "digest", fault, reason="DIGEST_MISMATCH")


def _invalid(entry: Entry, field: str, fault: str, reason: str = "INVALID_ENTRY") -> InvalidArgument:
    return InvalidArgument(f"the file {entry.path[:300]!r} {fault}", field=f"entries.{field}", reason=reason)
