"""What a server says of a tree's files is believed only where it can be right."""

from __future__ import annotations

from collections.abc import Mapping

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.digests import digest_of_file, is_digest
from orris.errors import DataLoss
from orris.sdk.content import CHUNK_BYTES
from orris.tree_paths import collisions, fault_of

MAX_ENTRIES = 1_000_000


def check_files(files: Mapping[str, pb.TreeEntry]) -> None:
    """Raise DataLoss (INVALID_PATH, INVALID_ENTRY) unless files can be where they are to be, with such content.

    Paths must differ on every file system, so that none takes another one's place.
    """
    for path, entry in files.items():
        if fault := fault_of(path):
            raise invalid_path(path, fault)
        check_content(entry)
    for path, fault in collisions(files):
        raise invalid_path(path, fault)


def check_content(entry: pb.TreeEntry) -> None:
    """Raise DataLoss (INVALID_ENTRY) unless size, digest and chunks of a file go together."""
    digests = [chunk.digest for chunk in entry.chunks]
    sizes = [chunk.size for chunk in entry.chunks]
    if not all(map(is_digest, digests)) or not all(0 < size <= CHUNK_BYTES for size in sizes):
        raise _invalid_entry(entry, "a chunk that no file can have")
    if entry.size != sum(sizes) or entry.digest != digest_of_file(digests):
        raise _invalid_entry(entry, "a size or digest that is not that of its chunks")


def invalid_path(path: str, fault: str) -> DataLoss:
    """Return the error for a path that would lead out of its folder, or lose a file there."""
    return DataLoss(f"the server sent a path that no tree can hold: {path[:300]!r} {fault}", reason="INVALID_PATH")


def _invalid_entry(entry: pb.TreeEntry, fault: str) -> DataLoss:
    message = f"the server described {entry.path[:300]!r} with {fault}; upload the file again"
    return DataLoss(message, reason="INVALID_ENTRY", metadata={"path": entry.path[:300]})
