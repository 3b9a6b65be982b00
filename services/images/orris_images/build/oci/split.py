"""Which files of an environment go into which layer.

Large packages have layers of their own, the largest at the bottom, so that a change costs little: a registry keeps
every layer that stays the same, an engine those below the first that changes. All the rest is the topmost layer.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGE_BYTES = 8 * 1024 * 1024
LAYERS = 20


@dataclass(frozen=True)
class Part:
    """Files for one layer, by paths within the environment; `key` is the same for the same files, whoever asks."""

    name: str
    key: str
    files: tuple[str, ...]
    size: int


def split(environment: Path, large: int = LARGE_BYTES, layers: int = LAYERS) -> list[Part]:
    """Return the parts of an environment from the bottom up; files without a package are in the last."""
    sizes = dict(_files(environment))
    owners = {path: name for name, paths in _conda_packages(environment) for path in paths if path in sizes}
    sure = set[str]()
    for folder in sorted(environment.glob("lib/python*/site-packages/*.dist-info")):
        name = folder.name.removesuffix(".dist-info")
        listed = [path for path in _record(folder, environment) if path in sizes and path not in owners]
        owners.update(dict.fromkeys(listed, name))
        sure.update(listed)
    packages = defaultdict[str, list[str]](list)
    for path, name in owners.items():
        packages[name].append(path)
    total = {name: sum(sizes[path] for path in paths) for name, paths in packages.items()}
    bottom = sorted(
        (name for name in total if total[name] >= large), key=lambda name: (-total[name].bit_length(), name)
    )
    bottom = bottom[: layers - 1]
    rest = [path for path in sizes if owners.get(path) not in bottom]
    named = [*((name, packages[name]) for name in bottom), ("the rest", rest)]
    return [_part(name, environment, sorted(paths), sizes, sure) for name, paths in named]


def _files(environment: Path) -> Iterator[tuple[str, int]]:
    """Yield every file and link, and its size. `lib64` is a link to `lib`."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(environment / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(f"{path}/")
                else:
                    yield path, entry.stat(follow_symlinks=False).st_size


def _conda_packages(environment: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each conda package with its files."""
    for file in sorted(environment.glob("conda-meta/*.json")):
        known = json.loads(file.read_bytes())
        yield file.stem, [*known.get("files", ()), f"conda-meta/{file.name}"]


def _record(folder: Path, environment: Path) -> Iterator[str]:
    """Yield the files that a package's RECORD names, by their paths within the environment."""
    try:
        with (folder / "RECORD").open(newline="", encoding="utf-8") as file:
            rows = [row[0] for row in csv.reader(file) if row]
    except OSError:
        return
    site = folder.parent.relative_to(environment)
    for name in rows:
        path = os.path.normpath(site / name)
        if not path.startswith(("..", "/")):
            yield path


def _part(name: str, environment: Path, paths: list[str], sizes: dict[str, int], sure: set[str]) -> Part:
    return Part(name, _key(environment, paths, sure), tuple(paths), sum(sizes[path] for path in paths))


def _key(environment: Path, paths: list[str], sure: set[str]) -> str:
    """Hash the names, the RECORDs, which have the hashes of the files that are `sure`, and the others' contents."""
    content = hashlib.sha256()
    for path in paths:
        content.update(f"{path}\0".encode())
        file = environment / path
        if file.is_symlink():
            content.update(os.readlink(file).encode())
        elif path not in sure or path.endswith((".dist-info/RECORD", ".dist-info/INSTALLER")):
            content.update(file.read_bytes())
    return content.hexdigest()
