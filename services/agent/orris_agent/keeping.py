"""What of a run's folder is kept when it ends (`outputs/`, `logs/`, the files it uploaded), and what is left behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from orris.errors import FailedPrecondition
from orris.sdk.entry_checks import MAX_ENTRIES
from orris.sdk.small_files import SmallFiles, read_small
from orris.tree_paths import collisions, fault_of
from orris_agent.folder import RunFolder
from orris_agent.run_file import RunFile

KEPT_FOLDERS = ("outputs", "logs")
MOST_LEFT_BEHIND = 100
_NOT_WORTH_NAMING = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})


@dataclass(frozen=True, slots=True)
class SortedOut:
    """What `kept_files` and `left_behind` return; `small`: all that is to be kept, where that is little."""

    kept: Mapping[str, RunFile]
    refused: Mapping[str, str]
    left: Sequence[str]
    small: SmallFiles | None


def sorted_out(folder: RunFolder, snapshot: Collection[str], data: Iterable[str] = ()) -> SortedOut:
    """Sort out what a run has written, and read what there is little of."""
    kept, refused = kept_files(folder)
    small = read_small(kept, None) if kept else None
    return SortedOut(kept, refused, left_behind(folder, snapshot, data), small)


def kept_files(folder: RunFolder) -> tuple[dict[str, RunFile], dict[str, str]]:
    """Return the files to keep by the path they are kept under, and why others cannot be: one must not cost the rest.

    Regular files only, none from outside of the run's folder, whatever links lead there.
    """
    return readable_files(folder, _kept_paths(folder))


def readable_files(folder: RunFolder, paths: Iterable[tuple[str, str]]) -> tuple[dict[str, RunFile], dict[str, str]]:
    """Return files of a run's folder by the path they are kept under, and why others cannot be."""
    found = dict(islice(paths, MAX_ENTRIES))
    refused = {path: fault for path in found if (fault := fault_of(path))}
    kept: dict[str, RunFile] = {}
    for path in found.keys() - refused.keys():
        try:
            kept[path] = RunFile(folder.written, found[path])
        except FailedPrecondition:
            refused[path] = "cannot be read"
    for path, fault in list(collisions(kept)):
        refused[path] = fault
        del kept[path]
    return dict(sorted(kept.items())), refused


def as_text(path: str) -> str:
    """Return a path as it can be shown and sent: bytes that are no UTF-8 and control characters escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)


def left_behind(folder: RunFolder, snapshot: Collection[str], data: Iterable[str] = ()) -> list[str]:
    """Return the first names, in order, of files in the working directory that nobody else has.

    They are neither kept, nor of the snapshot, nor in the folders `data`.
    """
    kept = tuple(f"{name}/" for name in (*KEPT_FOLDERS, *data))
    found = folder.written.files("work", _NOT_WORTH_NAMING)
    names = (path for path in found if path not in snapshot and not path.startswith(kept))
    return [as_text(path) for path in sorted(islice(names, MAX_ENTRIES))[:MOST_LEFT_BEHIND]]


def _kept_paths(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """Yield the paths that files are kept under, and where they are in the run's folder; what it uploaded wins."""
    tops = chain(((f"work/{name}", f"{name}/") for name in KEPT_FOLDERS), (("files", ""),))
    for top, prefix in tops:
        for path in folder.written.files(top, _NOT_WORTH_NAMING):
            yield f"{prefix}{path}", f"{top}/{path}"
