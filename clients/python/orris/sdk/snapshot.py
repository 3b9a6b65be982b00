"""The snapshot of a source folder: the files that a run gets to work with.

All files count, but for those that `.amlignore` or `.gitignore` name (see `orris.sdk.ignore`), virtual environments
(folders with a `pyvenv.cfg`) and what is no file, such as sockets. Links are followed while they stay inside.
"""

from __future__ import annotations

import heapq
import os
import warnings
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from orris.errors import InvalidArgument, NotFound, ResourceExhausted
from orris.sdk.content import FileContent
from orris.sdk.source_walk import SourceWalk

LIMIT_VARIABLE = "ORRIS_SNAPSHOT_LIMIT_BYTES"
DEFAULT_LIMIT = 300 * 1024 * 1024
# More than a tree can hold: links that lead to each other could otherwise be followed for ever.
MAX_FILES = 1_000_000
_LARGEST = 5
# Where to look for the largest files when the limit is exceeded: in so many more, however many there are.
_LOOK_ON = 10_000


def snapshot(source: str | os.PathLike[str], *, limit: int | None = None) -> dict[str, FileContent]:
    """Return the files of a folder: path in the snapshot, separated by `/` -> the file on this machine.

    `limit` in bytes is by default that of the environment variable ORRIS_SNAPSHOT_LIMIT_BYTES, else 300 MB. A link that
    leads outside, or nowhere, is left out with a warning.

    Raises NotFound without the folder, ResourceExhausted (SNAPSHOT_TOO_LARGE), InvalidArgument (NAME_NOT_UTF8),
    FailedPrecondition (FOLDER_UNREADABLE).
    """
    folder = Path(source)
    if not folder.is_dir():
        raise NotFound(f"source directory {str(folder)!r} is no folder; give the one that holds the script")
    limit = _limit() if limit is None else limit
    walk = SourceWalk(folder, MAX_FILES)
    found: dict[str, FileContent] = {}
    total = 0
    for name, file in (files := walk.files()):
        found[name] = file
        total += file.size
        if total > limit:
            found.update(islice(files, _LOOK_ON))
            raise _too_large(folder, found, limit, all_found=next(files, None) is None)
    if walk.left_out:
        _warn_of(walk.left_out)
    return found


def _limit() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "")
    if text and not text.isdecimal():
        raise InvalidArgument(f"{LIMIT_VARIABLE}: {text!r} is no number of bytes", field=LIMIT_VARIABLE)
    return int(text) if text else DEFAULT_LIMIT


def _warn_of(left_out: list[str]) -> None:
    more = f" (so are {len(left_out) - 1} other links)" if len(left_out) > 1 else ""
    warnings.warn(f"{left_out[0]}; it is left out of the snapshot{more}", stacklevel=2)


def _too_large(folder: Path, found: Mapping[str, FileContent], limit: int, all_found: bool) -> ResourceExhausted:
    largest = heapq.nlargest(_LARGEST, ((file.size, name) for name, file in found.items()))
    lines = "".join(f"\n  {_megabytes(size):>10}  {name}" for size, name in largest)
    total = sum(file.size for file in found.values())
    message = (
        f"the snapshot of {folder} has {'' if all_found else 'at least '}{_megabytes(total)} in {len(found)} files,"
        f" more than the limit of {_megabytes(limit)}. Largest files:{lines}\n"
        f"Name what the run does not need in {folder / '.amlignore'}, or set {LIMIT_VARIABLE}."
    )
    return ResourceExhausted(message, reason="SNAPSHOT_TOO_LARGE", metadata={"total": str(total), "limit": str(limit)})


def _megabytes(size: int) -> str:
    return f"{size / (1024 * 1024):.1f} MB"
