"""Files below a folder that a run writes. None is opened outside of it, whatever links the run makes, and when.

Every part of a path is opened by its name in the folder opened before it, and never through a link: what a link says
is walked in the same way. So who swaps a folder for a link at the wrong moment gets an error instead of a file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orris_agent.listing import DEEPEST, walk

_MOST_LINKS = 40  # in one path, as Linux has it
# Only a place, where the system has such descriptors: to open a pipe or a device itself may already do something.
_PLACE = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Beneath:
    """The folder `root`, which the run knows by the paths `known_as`: absolute links to there are followed as well."""

    def __init__(self, root: Path, *known_as: str) -> None:
        self.root = root
        names = {str(root.absolute()), os.path.realpath(root), *known_as}
        self._known_as = tuple(f"{name}/" for name in names)

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """Give a descriptor of the regular file at `path` (parts separated by `/`). Raises OSError."""
        with self._placed(path) as place:
            if not stat.S_ISREG(os.fstat(place).st_mode):
                raise OSError(errno.EINVAL, "is no regular file", path)
            descriptor = _reopened(place)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Return at most `size` bytes of a file. Raises OSError."""
        with self.opened(path) as descriptor:
            return os.pread(descriptor, size, offset)

    def size(self, path: str) -> int:
        """Return a file's size. Raises OSError."""
        with self.opened(path) as descriptor:
            return os.fstat(descriptor).st_size

    def files(self, top: str, without: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yield the paths below `top`, relative to it, of regular files, in order; folders named `without` are skipped.

        A link to a regular file counts as one, a link to a folder is not entered. What cannot be listed is left out.
        A folder that lies deeper than anybody keeps files is given as if it were one.
        """
        try:
            with self._placed(top) as place:
                descriptor = _reopened(place, os.O_DIRECTORY)
        except OSError:
            return
        for path, regular in walk(descriptor, without):
            if regular or self._counts(f"{top}/{path}"):
                yield path

    def _counts(self, path: str) -> bool:
        """Tell whether a link leads to a file; or whether this is a folder, which `walk` gives for a reason."""
        try:
            with self._placed(path) as place:
                mode = os.fstat(place).st_mode
                return stat.S_ISREG(mode) or (stat.S_ISDIR(mode) and path.count("/") >= DEEPEST)
        except OSError:
            return False

    @contextmanager
    def _placed(self, path: str) -> Iterator[int]:
        """Give a descriptor that says which file or folder is at `path`, links resolved."""
        todo, passed, links = _parts(path), list[str](), 0
        place = os.open(self.root, _PLACE)
        try:
            while todo:
                part = todo.pop()
                if part == "..":
                    if not passed:
                        raise OSError(errno.EXDEV, "leads out of the run's folder", path)
                    passed.pop()
                    todo, passed = [*todo, *reversed(passed)], []
                    place = _exchanged(place, os.open(self.root, _PLACE))
                elif (target := _target(part, place)) is None:
                    place = _exchanged(place, os.open(part, _PLACE, dir_fd=place))
                    if stat.S_ISLNK(os.fstat(place).st_mode):
                        raise OSError(errno.ELOOP, "has become a link", path)
                    passed.append(part)
                else:
                    links += 1
                    if links > _MOST_LINKS:
                        raise OSError(errno.ELOOP, "has too many links", path)
                    if target.startswith("/"):
                        target, passed = self._within(target), []
                        place = _exchanged(place, os.open(self.root, _PLACE))
                    todo += _parts(target)
            yield place
        finally:
            os.close(place)

    def _within(self, target: str) -> str:
        for name in self._known_as:
            if target.startswith(name):
                return target[len(name) :]
        raise OSError(errno.EXDEV, "leads out of the run's folder", target)


def _parts(path: str) -> list[str]:
    """Return a path's parts, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _target(name: str, folder: int) -> str | None:
    """Return what a link says; None for anything else."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _exchanged(old: int, new: int) -> int:
    os.close(old)
    return new


def _reopened(place: int, flags: int = 0) -> int:
    """Open for reading what a descriptor says the place of."""
    return os.open(f"/proc/self/fd/{place}" if hasattr(os, "O_PATH") else f"/dev/fd/{place}", _READ | flags)
