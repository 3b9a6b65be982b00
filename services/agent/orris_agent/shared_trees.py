"""Trees that containers mount: one copy of each on this machine, which no container can change."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orris.digests import is_digest
from orris.sdk.downloading import Downloader
from orris_agent.blob_cache import BLOCK_BYTES
from orris_agent.removal import remove_tree
from orris_agent.turns import Turns

if TYPE_CHECKING:
    from orris.artifacts.v1 import artifacts_pb2 as pb
    from orris.sdk.blobs import Blobs


class SharedTrees:
    """At most `limit` bytes below `folder`; what runs have, by a link in their folders in `runs`, stays in any case.

    May be used from several threads.
    """

    def __init__(self, folder: Path, runs: Path, limit: int) -> None:
        self._folder, self._runs, self._limit = folder, runs, limit
        self._turns = Turns()
        self._linking, self._sweeping = threading.Lock(), threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for left in folder.iterdir():
            if not is_digest(left.name):
                remove_tree(left)

    def share(self, digest: str, files: Mapping[str, pb.TreeEntry], blobs: Blobs, link: Path) -> bool:
        """Let `link` lead to the files of a tree, all of them verified now; return False for a tree that is too large.

        Raises as `Downloader.download` does.
        """
        size = sum(_on_disk(entry.size) for entry in files.values())
        if size > self._limit:
            return False
        place = self._folder / digest
        with self._turns.at([digest]):
            with self._linking, suppress(FileExistsError):
                link.symlink_to(place)  # from now on it stays
            if not place.exists():
                self._make_room(size)
            _remove_others(place, files)
            Downloader(blobs).download({path: _only_to_be_read(entry) for path, entry in files.items()}, place)
            for parent, _, _ in os.walk(place):
                os.chmod(parent, 0o755)  # noqa: S103  # its own parent is the agent's alone
            os.utime(place)
        return True

    def _make_room(self, size: int) -> None:
        """Remove the trees that were used least recently, and that no run has."""
        with self._sweeping:
            kept = sorted((tree.stat().st_mtime_ns, tree) for tree in self._folder.iterdir())
            sizes = {tree: sum(map(_size, _files(tree))) for _, tree in kept}
            total = size + sum(sizes.values())
            for _, tree in kept:
                if total > self._limit and (doomed := self._set_aside(tree)):
                    remove_tree(doomed)
                    total -= sizes[tree]

    def _set_aside(self, tree: Path) -> Path | None:
        """Give a tree another name, under which nobody finds it; None for one that a run has."""
        doomed = tree.with_name(f"{tree.name}.{secrets.token_hex(4)}")
        with self._linking:
            return None if tree in self._in_use() else tree.rename(doomed)

    def _in_use(self) -> set[Path]:
        """Return what runs have. A link may be gone while it is looked at."""
        found: set[Path] = set()
        for link in self._runs.glob("*/inputs/*"):
            with suppress(OSError):
                found.add(link.readlink())
        return found


def _only_to_be_read(entry: pb.TreeEntry) -> pb.TreeEntry:
    shown = type(entry)()
    shown.CopyFrom(entry)
    shown.mode = 0o555 if entry.mode & 0o100 else 0o444
    return shown


def _remove_others(place: Path, files: Mapping[str, pb.TreeEntry]) -> None:
    """Remove what is not of the tree: processes may have the agent's rights."""
    for file in _files(place):
        if file.relative_to(place).as_posix() not in files:
            file.unlink()


def _files(place: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(place):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        yield from (Path(parent, name) for name in (*names, *links))


def _size(file: Path) -> int:
    """Return what a file takes; nothing of one that is gone, as those are that have not appeared yet."""
    try:
        return _on_disk(file.lstat().st_size)
    except FileNotFoundError:
        return 0


def _on_disk(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
