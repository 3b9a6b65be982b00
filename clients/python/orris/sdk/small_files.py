"""A few small files, read at once: their bytes travel with their tree, whether the server has them or not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.digests import digest_of_file
from orris.sdk.content import Content, Opened
from orris.sdk.digest_cache import DigestCache

MOST_FILES = 64
MOST_BYTES = 256 * 1024


@dataclass(slots=True)
class SmallFiles:
    """The entries of a tree, and the bytes of those of its files whose digests were not known."""

    entries: list[pb.TreeEntry] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    all_known: bool = True


def read_small(files: Mapping[str, Content], cache: DigestCache | None) -> SmallFiles | None:
    """Return files by their paths; None where they are too many, too large, or change just now."""
    if len(files) > MOST_FILES or sum(content.size for content in files.values()) > MOST_BYTES:
        return None
    found = SmallFiles()
    for path, content in files.items():
        digests = cache.find(path, content.state) if cache and content.state else None
        if digests is not None:
            found.entries.append(_entry(path, content, digests))
            continue
        with content.open() as file:
            data = file.read(0, content.size + 1)
            if len(data) != content.size or file.size != content.size:
                return None
            digests = [hashlib.sha256(data).hexdigest()] if data else []
            if cache and file.state:
                cache.keep(path, file.state, digests)
            found.entries.append(_entry(path, file, digests))
        found.blobs += [data] if data else []
        found.all_known = False
    return found


def _entry(path: str, file: Content | Opened, digests: Sequence[str]) -> pb.TreeEntry:
    chunks = [pb.Chunk(digest=digest, size=file.size) for digest in digests]
    return pb.TreeEntry(path=path, size=file.size, mode=file.mode, digest=digest_of_file(digests), chunks=chunks)
