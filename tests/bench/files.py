"""Files to measure with, whose bytes nobody has stored yet."""

from __future__ import annotations

import os
from pathlib import Path

CHUNK = 16 * 1024 * 1024
FILES, FILE_BYTES = 1000, 4096


def large_file(path: Path, size: int) -> None:
    """Write a file of whole chunks."""
    piece = os.urandom(CHUNK)
    with path.open("wb") as file:
        for _ in range(size // CHUNK):
            file.write(piece)
    renew(path)


def renew(path: Path) -> None:
    """Make every chunk of a file another one."""
    with path.open("r+b") as file:
        for offset in range(0, path.stat().st_size, CHUNK):
            file.seek(offset)
            file.write(os.urandom(32))


def small_files(folder: Path) -> dict[str, Path]:
    """Write a thousand files."""
    folder.mkdir(exist_ok=True)
    files = {f"{number:04}.bin": folder / f"{number:04}.bin" for number in range(FILES)}
    for path in files.values():
        path.write_bytes(os.urandom(FILE_BYTES))
    return files
