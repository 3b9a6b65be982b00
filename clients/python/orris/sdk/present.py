"""Which files of a download are there already, with the right content: they need not travel again."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.content import PIECE_BYTES
from orris.sdk.target_folder import TargetFolder


def is_present(folder: TargetFolder, path: str, entry: pb.TreeEntry) -> bool:
    """Tell whether the file is what its entry says; its permission bits are set where only they differ."""
    with folder.existing(path) as descriptor:
        if descriptor is None:
            return False
        found = os.fstat(descriptor)
        if found.st_size != entry.size or not _has_chunks(descriptor, entry.chunks):
            return False
        if stat.S_IMODE(found.st_mode) == entry.mode & 0o777:
            return True
        try:
            os.fchmod(descriptor, entry.mode & 0o777)
        except OSError:  # somebody else's file: one of our own takes its place
            return False
        return True


def _has_chunks(descriptor: int, chunks: Iterable[pb.Chunk]) -> bool:
    offset = 0
    for chunk in chunks:
        if digest_of_range(descriptor, offset, chunk.size) != chunk.digest:
            return False
        offset += chunk.size
    return True


def digest_of_range(descriptor: int, offset: int, size: int) -> str:
    """Return the SHA-256 of a part of a file. What the file has not is left out."""
    digest, end = hashlib.sha256(), offset + size
    while offset < end and (data := os.pread(descriptor, min(PIECE_BYTES, end - offset), offset)):
        digest.update(data)
        offset += len(data)
    return digest.hexdigest()
