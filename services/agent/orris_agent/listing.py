"""What is below an open folder: listed by descriptors, so that no folder is exchanged for another on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

DEEPEST = 128  # folders in each other; each has a descriptor while it is walked
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class _Folder:
    """A folder that is being walked: its path with a slash behind it, and the folders in it that come next."""

    descriptor: int
    path: str
    left: list[str]


def walk(top: int, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, bool]]:
    """Yield the path of everything below an open folder that is no folder, in order, and whether it is a regular file.

    The descriptor is closed. Folders named `without` are skipped; one that lies too deep is given like a file.
    """
    entered = [_Folder(top, "", [])]
    try:
        yield from _listed(entered[-1], without)
        while entered:
            folder = entered[-1]
            if not folder.left:
                os.close(entered.pop().descriptor)
            elif len(entered) == DEEPEST:
                yield f"{folder.path}{folder.left.pop()}", False
            else:
                name = folder.left.pop()
                with suppress(OSError):  # it is gone, or is no folder any more, or may not be entered
                    entered.append(
                        _Folder(os.open(name, _ENTER, dir_fd=folder.descriptor), f"{folder.path}{name}/", [])
                    )
                    yield from _listed(entered[-1], without)
    finally:
        for folder in entered:
            os.close(folder.descriptor)


def _listed(folder: _Folder, without: frozenset[str]) -> Iterator[tuple[str, bool]]:
    """Yield what is in a folder, and note which folders are."""
    found: list[tuple[str, bool]] = []
    with os.scandir(folder.descriptor) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folder.left.append(entry.name)
            else:
                found.append((entry.name, entry.is_file(follow_symlinks=False)))
    folder.left = sorted(set(folder.left) - without, reverse=True)
    for name, regular in sorted(found):
        yield f"{folder.path}{name}", regular
