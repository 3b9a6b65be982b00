"""Bring snapshots to this machine and outputs away from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.names import TreeName
from orris.sdk.transfer import Transfer
from orris_kit.blocking import run_blocking


class Storage:
    """The trees of one workspace. Blocking transfers run in the process's executor."""

    def __init__(self, stub: ArtifactServiceStub, workspace: str) -> None:
        self._transfer = Transfer(stub, workspace)

    async def download(self, tree: str, folder: Path) -> None:
        """Put a tree's files into `folder`, which appears when all of them are there."""
        await run_blocking(self._download, tree, folder)

    def _download(self, tree: str, folder: Path) -> None:
        if folder.exists():
            return
        temporary = folder.with_name(f"{folder.name}.tmp")
        temporary.mkdir(exist_ok=True)
        if tree:
            self._transfer.download(tree, temporary)
        temporary.rename(folder)

    async def upload(self, files: Mapping[str, Path]) -> str:
        """Store files by their paths; return the tree's resource name."""
        tree = await run_blocking(self._transfer.upload, files)
        return str(TreeName.parse(tree.name))

    async def paths(self, tree: str) -> set[str]:
        """Return the paths of a tree's files."""
        if not tree:
            return set()
        return {entry.path for entry in await run_blocking(lambda: list(self._transfer.entries(tree)))}
