"""Which paths a tree may hold: such that writing it into a folder can neither leave the folder nor lose a file.

`artifacts` refuses others, and so does a client, whatever a server sends; an agent leaves them out of what it keeps,
so that one odd name costs one file only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from orris.errors import InvalidArgument

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255

# Backslashes separate folders on Windows, control characters break listings and the manifest.
_NAME = r"(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f-\x9f]+"
_PATH = re.compile(rf"{_NAME}(?:/{_NAME})*")


def check_path(path: str) -> None:
    """Raise InvalidArgument (INVALID_PATH) unless `path` is a file's path in a tree."""
    if fault := fault_of(path):
        raise invalid_path(path, fault)


def fault_of(path: str) -> str:
    """Return what is wrong with a path, for behind its name; empty when nothing is."""
    if not _PATH.fullmatch(path):
        return _misspelling(path)
    try:
        octets = path.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if len(octets) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    if len(octets) > MAX_NAME_BYTES and max(map(len, octets.split(b"/"))) > MAX_NAME_BYTES:
        return f"has a part longer than {MAX_NAME_BYTES} bytes, which file systems refuse"
    return ""


def check_collisions(paths: Iterable[str]) -> None:
    """Raise InvalidArgument (INVALID_PATH) when two paths cannot be beside each other on every file system."""
    for path, fault in collisions(paths):
        raise invalid_path(path, fault)


def collisions(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the paths that must go, and why, for the others to be beside each other on every file system.

    That is: those equal to another when case and Unicode composition are not told apart, and those that need a folder
    where another is a file.
    """
    # With NUL as separator, which sorts before all else, whatever lies below a path follows it directly.
    keyed = sorted((_fold(path).replace("/", "\0"), path) for path in paths)
    first, stays = "", ""
    for key, path in keyed:
        if stays and key == first:
            why = "is given twice" if path == stays else "differs from it only in case or Unicode composition"
            yield path, f"collides with {stays!r}: it {why}"
        elif stays and key.startswith(first + "\0"):
            yield path, f"needs a folder where {stays!r} is a file"
        else:
            first, stays = key, path


def invalid_path(path: str, fault: str) -> InvalidArgument:
    """Return the error that names the path and what is wrong with it."""
    message = f"path {path[:300]!r} {fault}"
    return InvalidArgument(message, field="entries.path", reason="INVALID_PATH")


def _fold(path: str) -> str:
    if path.isascii():
        return path.lower()
    # The Unicode Standard, section 3.13, D145 (canonical caseless match), with NFC for NFD: the same equality.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _misspelling(path: str) -> str:
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute; give it relative to the tree's root"
    parts = path.split("/")
    if ".." in parts:
        return "has a `..` part; a path stays in its tree"
    if "." in parts or "" in parts:
        return "has an empty or `.` part; leave it out"
    if "\\" in path:
        return "has a backslash, a separator on Windows; separate by `/` or rename the file"
    return "has a control character; rename the file"
