"""What a backup is written into: a tar archive or a folder, readable by its owner only, there when complete."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ARCHIVES = (".tar", ".tar.gz", ".tgz")
_MODE = 0o600


class Writer:
    """Counts what is added under paths relative to the home."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0

    def add(self, name: str, source: Path) -> None:
        """Add a file's content."""
        with source.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            self._write(name, stream, size)
            self._count(size)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a small file."""
        self._write(name, io.BytesIO(content), len(content))
        self._count(len(content))

    def _count(self, size: int) -> None:
        self.files += 1
        self.bytes += size

    def _write(self, name: str, stream: io.BufferedIOBase, size: int) -> None:
        raise NotImplementedError


class FolderWriter(Writer):
    """A folder like the home."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _write(self, name: str, stream: io.BufferedIOBase, size: int) -> None:
        target = self._folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as written:
            shutil.copyfileobj(stream, written, 1024 * 1024)
            os.fsync(written.fileno())


class TarWriter(Writer):
    """An archive, compressed where its name says so."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        super().__init__()
        self._archive = archive

    def _write(self, name: str, stream: io.BufferedIOBase, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, _MODE
        self._archive.addfile(member, stream)


@contextmanager
def writer_to(target: Path) -> Iterator[Writer]:
    """Give what writes to a target; the target is there when the block has ended well."""
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    try:
        if target.name.endswith(ARCHIVES):
            kind = "w" if target.suffix == ".tar" else "w:gz"
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as written:
                with tarfile.open(fileobj=written, mode=kind) as archive:  # type: ignore[call-overload]
                    yield TarWriter(archive)
                written.flush()
                os.fsync(written.fileno())
        else:
            partial.mkdir(mode=0o700)
            yield FolderWriter(partial)
        partial.replace(target)
    finally:
        _remove(partial)


def _remove(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial)
    else:
        partial.unlink(missing_ok=True)
