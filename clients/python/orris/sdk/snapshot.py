"""The snapshot of a source folder: the files that a run gets to work with.

All files count, but for those that `.amlignore` or `.gitignore` name (see `orris.sdk.ignore`), virtual environments
(folders with a `pyvenv.cfg`) and what is no file, such as sockets. Links are followed while they stay inside.
"""

from __future__ import annotations

import heapq
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from orris.errors import InvalidArgument, NotFound, ResourceExhausted
from orris.sdk.ignore import Ignore

LIMIT_VARIABLE = "ORRIS_SNAPSHOT_LIMIT_BYTES"
DEFAULT_LIMIT = 300 * 1024 * 1024
# More than a tree can hold: links that lead to each other could otherwise be followed for ever.
MAX_FILES = 1_000_000
_LARGEST = 5


def snapshot(source: str | os.PathLike[str], *, limit: int | None = None) -> dict[str, Path]:
    """Return the files of a folder: path in the snapshot, separated by `/` -> path on this machine.

    `limit` in bytes is by default that of the environment variable ORRIS_SNAPSHOT_LIMIT_BYTES, else 300 MB. A link that
    leads outside, or nowhere, is left out with a warning.

    Raises NotFound without the folder, ResourceExhausted (SNAPSHOT_TOO_LARGE), InvalidArgument (NAME_NOT_UTF8).
    """
    folder = Path(source)
    if not folder.is_dir():
        raise NotFound(f"source directory {str(folder)!r} is no folder; give the one that holds the script")
    limit = _limit() if limit is None else limit
    found = _Walk(folder).files()
    total = sum(size for _, size in found.values())
    if total > limit:
        raise _too_large(folder, found, total, limit)
    return {name: path for name, (path, _) in found.items()}


class _Walk:
    """One walk through a folder."""

    def __init__(self, folder: Path) -> None:
        self._top = os.path.realpath(folder)
        self._start = os.fspath(folder)
        self._ignore = Ignore.of(folder)
        self._entered = 0
        self._left_out: list[str] = []

    def files(self) -> dict[str, tuple[Path, int]]:
        """Return path in the snapshot -> path on this machine and size."""
        found: dict[str, tuple[Path, int]] = {}
        for name, path, size in self._below(self._start, "", (self._top,)):
            found[name] = (Path(path), size)
            self._check_count(len(found))
        if self._left_out:
            _warn_of(self._left_out)
        return found

    def _below(self, folder: str, prefix: str, parents: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
        """Give the files below a folder; `parents` are the real paths of the folders that the walk is in."""
        self._entered += 1
        self._check_count(self._entered)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        if prefix and any(entry.name == "pyvenv.cfg" for entry in entries):
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.is_symlink():
                yield from self._linked(entry.path, name, parents)
            elif entry.is_dir(follow_symlinks=False):
                if not self._ignore.folder(name):
                    real = os.path.join(parents[-1], entry.name)
                    yield from self._below(entry.path, f"{name}/", (*parents, real))
            elif entry.is_file(follow_symlinks=False) and not self._ignore.file(name):
                yield _checked(name), entry.path, entry.stat(follow_symlinks=False).st_size

    def _linked(self, path: str, name: str, parents: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
        if self._ignore.file(name) or self._ignore.folder(name):
            return
        target = os.path.realpath(path)
        try:
            found = os.stat(target)
        except OSError:
            self._left_out.append(f"{name} is a link that leads nowhere")
            return
        if os.path.commonpath((self._top, target)) != self._top:
            self._left_out.append(f"{name} is a link to {target}, outside the source directory")
        elif stat.S_ISREG(found.st_mode):
            yield _checked(name), path, found.st_size
        elif stat.S_ISDIR(found.st_mode) and target not in parents:
            yield from self._below(path, f"{name}/", (*parents, target))

    def _check_count(self, count: int) -> None:
        if count > MAX_FILES:
            message = f"{self._start} holds more than {MAX_FILES:,} files; name what is not needed in its .amlignore"
            raise ResourceExhausted(message, reason="SNAPSHOT_TOO_LARGE")


def _limit() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "")
    if text and not text.isdecimal():
        raise InvalidArgument(f"{LIMIT_VARIABLE}: {text!r} is no number of bytes", field=LIMIT_VARIABLE)
    return int(text) if text else DEFAULT_LIMIT


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        message = f"the name of the file {os.fsencode(name)!r} is not UTF-8; rename it or name it in .amlignore"
        raise InvalidArgument(message, field="source_directory", reason="NAME_NOT_UTF8") from None
    return name


def _warn_of(left_out: list[str]) -> None:
    more = f" (so are {len(left_out) - 1} other links)" if len(left_out) > 1 else ""
    warnings.warn(f"{left_out[0]}; it is left out of the snapshot{more}", stacklevel=2)


def _too_large(folder: Path, found: dict[str, tuple[Path, int]], total: int, limit: int) -> ResourceExhausted:
    largest = heapq.nlargest(_LARGEST, ((size, name) for name, (_, size) in found.items()))
    lines = "".join(f"\n  {_megabytes(size):>10}  {name}" for size, name in largest)
    message = (
        f"the snapshot of {folder} has {_megabytes(total)} in {len(found)} files,"
        f" more than the limit of {_megabytes(limit)}. Largest files:{lines}\n"
        f"Name what the run does not need in {folder / '.amlignore'}, or set {LIMIT_VARIABLE}."
    )
    return ResourceExhausted(message, reason="SNAPSHOT_TOO_LARGE", metadata={"total": str(total), "limit": str(limit)})


def _megabytes(size: int) -> str:
    return f"{size / (1024 * 1024):.1f} MB"
