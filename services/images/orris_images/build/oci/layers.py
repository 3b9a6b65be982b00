"""Layers: tar archives that are the same bytes for the same files."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PREFIX = "opt/orris/environment"
# The oldest time that ZIP archives can have: who packs a file of the image again finds it in range.
_TIME = 315532800
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Layer:
    """A layer as it lies on this machine: `digest` is that of its bytes, which are not compressed."""

    digest: str
    size: int
    path: Path


def write_layer(
    path: Path, environment: Path, files: Iterable[str], cache_tag: str, cancelled: Callable[[], None]
) -> Layer:
    """Write the files of an environment, and what they were compiled to, into an archive; all belongs to root."""
    content, size = hashlib.sha256(), 0
    with path.open("wb") as archive:
        for block in _blocks(environment, sorted(_with_compiled(environment, files, cache_tag)), cancelled):
            content.update(block)
            size += archive.write(block)
    return Layer(f"sha256:{content.hexdigest()}", size, path)


def _with_compiled(environment: Path, files: Iterable[str], cache_tag: str) -> Iterator[str]:
    for path in files:
        yield path
        if path.endswith(".py"):
            head, _, name = path.rpartition("/")
            compiled = f"{head}/__pycache__/{name[:-3]}.{cache_tag}.pyc"
            if (environment / compiled).exists():
                yield compiled


def _blocks(environment: Path, files: list[str], cancelled: Callable[[], None]) -> Iterator[bytes]:
    written = set[str]()
    for path in files:
        cancelled()
        full = f"{PREFIX}/{path}"
        yield from _folders(full, written)
        source = environment / path
        status = source.lstat()
        if source.is_symlink():
            yield _header(full, 0o777, tarfile.SYMTYPE, link=os.readlink(source))
            continue
        yield _header(full, 0o755 if status.st_mode & 0o100 else 0o644, tarfile.REGTYPE, status.st_size)
        yield from _content(source, status.st_size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _folders(path: str, written: set[str]) -> Iterator[bytes]:
    end = path.find("/")
    while end > 0:
        folder = path[:end]
        if folder not in written:
            written.add(folder)
            yield _header(folder, 0o755, tarfile.DIRTYPE)
        end = path.find("/", end + 1)


def _header(name: str, mode: int, kind: bytes, size: int = 0, link: str = "") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.type, entry.size, entry.linkname, entry.mtime = (mode, kind, size, link, _TIME)
    return entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb", buffering=0) as file:
        while left:
            block = file.read(min(_BLOCK, left))
            if not block:
                raise OSError(f"{path} became shorter while it was read")
            left -= len(block)
            yield block
    if size % tarfile.BLOCKSIZE:
        yield bytes(tarfile.BLOCKSIZE - size % tarfile.BLOCKSIZE)
