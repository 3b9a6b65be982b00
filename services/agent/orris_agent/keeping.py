"""What of a run's folder is kept when it ends (`outputs/`, `logs/`, the files it uploaded), and what is left behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from orris.tree_paths import collisions, fault_of
from orris_agent.folder import RunFolder

KEPT_FOLDERS = ("outputs", "logs")
MOST_LEFT_BEHIND = 100
_NOT_WORTH_NAMING = {"__pycache__", ".ipynb_checkpoints", ".git"}


def kept_files(folder: RunFolder) -> dict[str, Path]:
    """Return the files to keep by the path they are kept under."""
    kept = {f"{name}/{path}": file for name in KEPT_FOLDERS for path, file in _files(folder.work / name, folder.root)}
    return kept | dict(_files(folder.files, folder.root))


def refused_files(kept: Mapping[str, Path]) -> dict[str, str]:
    """Return the files that cannot be kept, and why: one of them must not cost the others."""
    refused = {path: fault for path in kept if (fault := fault_of(path))}
    refused.update((path, "cannot be read") for path, file in kept.items() if not os.access(file, os.R_OK))
    return refused | dict(collisions(kept.keys() - refused.keys()))


def as_text(path: str) -> str:
    """Return a path as it can be shown and sent: bytes that are no UTF-8 and control characters escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)


def left_behind(folder: RunFolder, snapshot: Collection[str]) -> list[str]:
    """Return the first names, in order, of files in the working directory that are neither kept nor of the snapshot."""
    found = (
        path
        for path, _ in _files(folder.work, folder.root)
        if path not in snapshot and not path.startswith(tuple(f"{name}/" for name in KEPT_FOLDERS))
    )
    return [as_text(path) for path in sorted(found)[:MOST_LEFT_BEHIND]]


def _files(top: Path, inside: Path) -> Iterator[tuple[str, Path]]:
    """Yield the regular files below `top` whose real place is below `inside`: a link must not take anything else."""
    for parent, folders, names in os.walk(top):
        folders[:] = sorted(set(folders) - _NOT_WORTH_NAMING)
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file() and path.resolve().is_relative_to(inside.resolve()):
                yield path.relative_to(top).as_posix(), path
