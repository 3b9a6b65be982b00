"""Which files of a datastore a path means: one file, those of a folder, or those that a pattern fits."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from orris.artifacts.v1 import artifacts_pb2
from orris.errors import InvalidArgument, NotFound

Entries = dict[str, artifacts_pb2.TreeEntry]
# What is there, at a path or below it.
Listing = Callable[[str], Iterable[artifacts_pb2.TreeEntry]]


@dataclass(frozen=True)
class Selection:
    """A path in a datastore. `*` and `?` stand for parts of a name, `**` for any folders."""

    path: str

    @property
    def base(self) -> str:
        """The folder that is certain to hold all of it; empty for the top."""
        parts: list[str] = []
        for part in self.path.strip("/").split("/"):
            if "*" in part or "?" in part:
                break
            parts.append(part)
        return "/".join(parts)

    @property
    def is_pattern(self) -> bool:
        return "*" in self.path or "?" in self.path

    def files(self, listing: Listing) -> Iterator[artifacts_pb2.TreeEntry]:
        """Give the files that are meant."""
        fits = re.compile(_expression(self.path.strip("/"))) if self.is_pattern else None
        for entry in listing(self.base):
            if fits is None or fits.fullmatch(entry.path):
                yield entry


def selected(selections: Iterable[tuple[Selection, Listing]]) -> Entries:
    """Return the files that are meant by their paths below the deepest folder that holds all of them.

    Raises NotFound where a path means nothing, InvalidArgument where two files would have one path.
    """
    found: list[artifacts_pb2.TreeEntry] = []
    tops: list[str] = []
    for selection, listing in selections:
        files = list(selection.files(listing))
        if not files:
            raise NotFound(f"nothing is at {selection.path!r} in the datastore; upload it, or correct the path")
        found += files
        is_file = not selection.is_pattern and len(files) == 1 and files[0].path == selection.base
        tops.append(posixpath.dirname(selection.base) if is_file else selection.base)
    top = posixpath.commonpath(tops) if tops and all(tops) else ""
    return _by_path(found, f"{top}/" if top else "")


def _by_path(files: Iterable[artifacts_pb2.TreeEntry], below: str) -> Entries:
    result: Entries = {}
    for entry in files:
        path = entry.path.removeprefix(below)
        if result.setdefault(path, entry).digest != entry.digest:
            raise InvalidArgument(f"two different files would be {path!r}; select them apart", field="path")
    return result


def only(paths: Iterable[str], pattern: str, field: str = "pattern") -> list[str]:
    """Return those of the paths that a pattern fits, which may be that of their names alone. Raises NotFound."""
    if found := fitting(paths, [pattern]):
        return found
    raise NotFound(f"{field}: no file fits {pattern!r}; correct it")


def fitting(paths: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return those of the paths that one of the patterns fits, which may be that of their names alone."""
    fits = re.compile("|".join(f"(?:{_expression(pattern.strip('/'))})" for pattern in patterns))
    return [path for path in paths if fits.fullmatch(path) or fits.fullmatch(path.split("/")[-1])]


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern."""
    spelled = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(spelled.get(part) or re.escape(part) for part in parts)
