"""Which paths a tree may hold: such that writing it into a folder can neither leave the folder nor lose a file."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

from orris.errors import InvalidArgument
from orris_artifacts.limits import MAX_NAME_BYTES, MAX_PATH_BYTES

# Backslashes separate folders on Windows, control characters break listings and the manifest.
_NAME = r"(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f-\x9f]+"
_PATH = re.compile(rf"{_NAME}(?:/{_NAME})*")


def check_path(path: str) -> None:
    """Raise InvalidArgument (INVALID_PATH) unless `path` is a file's path in a tree."""
    if not _PATH.fullmatch(path):
        raise invalid_path(path, _fault(path))
    try:
        octets = path.encode()
    except UnicodeEncodeError:
        raise invalid_path(path, "is not valid Unicode") from None
    if len(octets) > MAX_PATH_BYTES:
        raise invalid_path(path, f"is longer than {MAX_PATH_BYTES} bytes")
    if len(octets) > MAX_NAME_BYTES and max(map(len, octets.split(b"/"))) > MAX_NAME_BYTES:
        raise invalid_path(path, f"has a part longer than {MAX_NAME_BYTES} bytes, which file systems refuse")


def check_collisions(paths: Iterable[str]) -> None:
    """Raise InvalidArgument (INVALID_PATH) when two paths cannot be beside each other on every file system.

    That is: equal when case and Unicode composition are not told apart, or a file where the other needs a folder.
    """
    # With NUL as separator, which sorts before all else, whatever lies below a path follows it directly.
    keyed = sorted((_fold(path).replace("/", "\0"), path) for path in paths)
    for (first, path), (second, other) in itertools.pairwise(keyed):
        if first == second:
            why = "is given twice" if path == other else "differs from it only in case or Unicode composition"
            raise invalid_path(other, f"collides with {path!r}: it {why}")
        if second.startswith(first + "\0"):
            raise invalid_path(other, f"needs a folder where {path!r} is a file")


def invalid_path(path: str, fault: str) -> InvalidArgument:
    """Return the error that names the path and what is wrong with it."""
    message = f"path {path[:300]!r} {fault}"
    return InvalidArgument(message, field="entries.path", reason="INVALID_PATH")


def _fold(path: str) -> str:
    if path.isascii():
        return path.lower()
    # The Unicode Standard, section 3.13, D145 (canonical caseless match), with NFC for NFD: the same equality.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _fault(path: str) -> str:
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
