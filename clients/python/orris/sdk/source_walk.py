"""The walk through a source folder: one look at each file, none at what is ignored."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orris.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from orris.sdk.content import FileContent
from orris.sdk.ignore import Ignore

# The real path of a folder, and that of the folder which the walk came from: links make it another than the parent.
_Way = tuple[str, "_Way | None"]


class _Folder(NamedTuple):
    """A folder to look into: its path on this machine, what its files' names begin with, and the way there."""

    path: str
    prefix: str
    way: _Way


class SourceWalk:
    """One walk through a folder, over at most so many files and folders; `left_out` says which links were left out."""

    def __init__(self, folder: Path, most: int) -> None:
        self._start = os.fspath(folder)
        self._top = os.path.realpath(folder)
        self._most = most
        self._ignore = Ignore.of(folder)
        self.left_out: list[str] = []

    def has_any(self, path: str) -> bool:
        """Tell whether a file is given, or anything in a folder: its path has a slash at the end. Raises as `files`."""
        name = path.rstrip("/")
        parts = name.split("/")
        if any(self._ignore.folder("/".join(parts[:count])) for count in range(1, len(parts))):
            return False
        if path.endswith("/") or not name:
            return not (name and self._ignore.folder(name)) and next(self.files(path), None) is not None
        at = os.path.join(self._start, name)
        if os.path.islink(at):
            ignored = self._ignore.file(name) or self._ignore.folder(name)
            return not ignored and self._linked(at, name, (self._top, None)) is not None
        return not self._ignore.file(name)

    def files(self, within: str = "") -> Iterator[tuple[str, FileContent]]:
        """Give path in the snapshot and file, or only those `within` a folder (its path, and a slash).

        Raises ResourceExhausted, InvalidArgument, FailedPrecondition.
        """
        inner = f"/{within[:-1]}" if within else ""
        folders = [_Folder(f"{self._start}{inner}", within, (f"{self._top}{inner}", None))]
        entered = given = 0
        while folders:
            folder = folders.pop()
            self._check_count(entered := entered + 1)
            below: list[_Folder] = []
            for entry in self._listed(folder):
                name = folder.prefix + entry.name
                if entry.is_symlink():
                    found = self._linked(entry.path, name, folder.way)
                elif entry.is_dir(follow_symlinks=False):
                    found = _Folder(entry.path, f"{name}/", (os.path.join(folder.way[0], entry.name), folder.way))
                else:
                    found = _file(entry)
                if isinstance(found, _Folder):
                    below.append(found)
                elif found is not None:
                    self._check_count(given := given + 1)
                    yield _checked(name), found
            folders.extend(reversed(below))

    def _listed(self, folder: _Folder) -> list[os.DirEntry[str]]:
        """Return what counts in a folder, by name: nothing in a virtual environment below the top."""
        kept: list[os.DirEntry[str]] = []
        try:
            with os.scandir(folder.path) as listing:
                for entry in listing:
                    if folder.prefix and entry.name == "pyvenv.cfg":
                        return []
                    if self._counts(entry, folder.prefix + entry.name):
                        kept.append(entry)
                        self._check_count(len(kept))
        except FileNotFoundError:  # removed meanwhile
            return []
        except PermissionError:
            message = f"the folder {folder.path!r} may not be read; change its permissions or name it in .amlignore"
            raise FailedPrecondition(message, reason="FOLDER_UNREADABLE") from None
        return sorted(kept, key=lambda entry: entry.name)

    def _counts(self, entry: os.DirEntry[str], name: str) -> bool:
        if entry.is_symlink():
            return not (self._ignore.file(name) or self._ignore.folder(name))
        if entry.is_dir(follow_symlinks=False):
            return not self._ignore.folder(name)
        return entry.is_file(follow_symlinks=False) and not self._ignore.file(name)

    def _linked(self, path: str, name: str, way: _Way) -> FileContent | _Folder | None:
        """Return what a link leads to, if that is inside and not where the walk came through."""
        target = os.path.realpath(path)
        try:
            found = os.stat(target)
        except OSError:
            self.left_out.append(f"{name} is a link that leads nowhere")
            return None
        if os.path.commonpath((self._top, target)) != self._top:
            self.left_out.append(f"{name} is a link to {target}, outside the source directory")
        elif stat.S_ISREG(found.st_mode):
            return FileContent(path, found)
        elif stat.S_ISDIR(found.st_mode) and not _is_on(way, target):
            return _Folder(path, f"{name}/", (target, way))
        return None

    def _check_count(self, count: int) -> None:
        if count > self._most:
            message = f"{self._start} holds more than {self._most:,} files; name what is not needed in its .amlignore"
            raise ResourceExhausted(message, reason="SNAPSHOT_TOO_LARGE")


def _file(entry: os.DirEntry[str]) -> FileContent | None:
    try:
        return FileContent(entry.path, entry.stat(follow_symlinks=False))
    except FileNotFoundError:  # removed meanwhile
        return None


def _is_on(way: _Way | None, folder: str) -> bool:
    while way is not None:
        if way[0] == folder:
            return True
        way = way[1]
    return False


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        message = f"the name of the file {os.fsencode(name)!r} is not UTF-8; rename it or name it in .amlignore"
        raise InvalidArgument(message, field="source_directory", reason="NAME_NOT_UTF8") from None
    return name
