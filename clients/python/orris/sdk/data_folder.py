"""The files of a folder of data: all of them, whatever ignore files say, for they are about source code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.sdk.content import FileContent
from orris.tree_paths import check_path

MAX_FILES = 1_000_000


def data_files(source: str | os.PathLike[str]) -> dict[str, FileContent]:
    """Return a file under its name, or the files of a folder by their paths below it, separated by `/`.

    Links to files are followed, links to folders are not. Raises NotFound where there is nothing, InvalidArgument
    (INVALID_PATH, TOO_MANY_FILES), FailedPrecondition (FOLDER_UNREADABLE, FILE_UNREADABLE).
    """
    top = Path(source).expanduser()
    if top.is_file():
        return {top.name: FileContent(top)}
    if not top.is_dir():
        raise NotFound(f"there is no file or folder {str(top)!r}; correct the path")
    found: dict[str, FileContent] = {}
    for path in _files(top):
        name = path.relative_to(top).as_posix()
        check_path(name)
        found[name] = FileContent(path)
        if len(found) > MAX_FILES:
            message = f"{top} has over {MAX_FILES:,} files; pack them, or register parts of it"
            raise InvalidArgument(message, reason="TOO_MANY_FILES")
    return found


def _files(top: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        message = f"the folder {error.filename!r} may not be read; change its permissions"
        raise FailedPrecondition(message, reason="FOLDER_UNREADABLE") from error

    for parent, folders, names in os.walk(top, onerror=refuse):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(parent, name)).is_file())
