"""Bring snapshots to this machine and outputs away from it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.names import TreeName
from orris.sdk.downloading import Downloader
from orris.sdk.transfer import Transfer
from orris_agent.blob_cache import BlobCache
from orris_agent.cached_blobs import CachedBlobs
from orris_agent.run_file import RunFile
from orris_kit.blocking import run_blocking


class Storage:
    """The trees of one workspace. Blocking transfers run in the process's executor."""

    def __init__(self, stub: ArtifactServiceStub, workspace: str, cache: BlobCache) -> None:
        self._transfer = Transfer(stub, workspace)
        self._cache = cache
        self._begun: dict[Path, Path] = {}

    async def download(self, tree: str, folder: Path) -> None:
        """Put a tree's files into `folder`, which appears when all of them are there. Repeated, it goes on."""
        await run_blocking(self._download, tree, folder)

    def _download(self, tree: str, folder: Path) -> None:
        if folder.exists():
            return
        if folder not in self._begun:
            self._begun[folder] = _beside(folder)
        if tree:
            self._fill(self._begun[folder], tree)
        self._begun.pop(folder).rename(folder)

    def _fill(self, folder: Path, tree: str) -> None:
        files = {entry.path: entry for entry in self._transfer.entries(tree)}
        with self._transfer.blobs(tree) as served:
            blobs = CachedBlobs(self._cache, served) if self._cache.limit else served
            Downloader(blobs).download(files, folder)

    async def upload(self, files: Mapping[str, RunFile]) -> str:
        """Store files by their paths; return the tree's resource name."""
        tree = await run_blocking(self._transfer.upload, files)
        return str(TreeName.parse(tree.name))

    async def paths(self, tree: str) -> set[str]:
        """Return the paths of a tree's files."""
        return set(await self.sizes(tree))

    async def sizes(self, tree: str) -> dict[str, int]:
        """Return the sizes of a tree's files by their paths."""
        if not tree:
            return {}
        return {entry.path: entry.size for entry in await run_blocking(lambda: list(self._transfer.entries(tree)))}

    async def read(self, tree: str, path: str, offset: int, length: int) -> bytes:
        """Return so many bytes of a file, fewer where it ends before. Raises NotFound, OutOfRange."""
        return await run_blocking(self._transfer.read, tree, path, offset, length)


def _beside(folder: Path) -> Path:
    """Make a folder whose name nobody has, and remove those that others left behind.

    A download whose caller is gone goes on for a while: it must not end in the folder of the next.
    """
    for left in folder.parent.glob(f"{folder.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = folder.with_name(f"{folder.name}.{secrets.token_hex(8)}.tmp")
    temporary.mkdir()
    return temporary
