"""Bring snapshots to this machine and outputs away from it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orris.artifacts.v1 import data_pb2, data_service_pb2
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.errors import NotFound
from orris.names import TreeName, WorkspaceName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.sdk.blobs import Blobs
from orris.sdk.downloading import Downloader
from orris.sdk.paging import pages
from orris.sdk.repeating import repeat
from orris.sdk.sending import CALL_SECONDS
from orris.sdk.transfer import Transfer
from orris_agent.blob_cache import BlobCache
from orris_agent.cached_blobs import CachedBlobs
from orris_agent.known_trees import Files, KnownTrees
from orris_agent.leaving import Leaving
from orris_agent.run_file import RunFile
from orris_agent.shared_trees import SharedTrees
from orris_kit.blocking import run_blocking


class Storage:
    """The trees of one workspace. Blocking transfers run in the process's executor."""

    def __init__(
        self,
        stub: ArtifactServiceStub,
        workspace: str,
        cache: BlobCache,
        trees: KnownTrees | None = None,
        data: DataServiceStub | None = None,
        shared: SharedTrees | None = None,
    ) -> None:
        """`data`: what names trees, to find datasets and to leave something; `shared`: what containers share."""
        self._data = data
        self._workspace = workspace
        self._shared = shared
        self._transfer = Transfer(stub, workspace)
        self._cache = cache
        self._trees = trees or KnownTrees()
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
        files = self._files(tree)
        with self._blobs(tree) as blobs:
            Downloader(blobs).download(files, folder)

    async def share(self, tree: str, link: Path) -> bool:
        """Let `link` lead to a tree's files that all containers share; return False where they share none such."""
        return self._shared is not None and await run_blocking(self._share, self._shared, tree, link)

    def _share(self, shared: SharedTrees, tree: str, link: Path) -> bool:
        files = self._files(tree)
        with self._blobs(tree) as blobs:
            return shared.share(TreeName.parse(tree).sha256, files, blobs, link)

    @contextmanager
    def _blobs(self, tree: str) -> Iterator[Blobs]:
        with self._transfer.blobs(tree) as served:
            yield CachedBlobs(self._cache, served) if self._cache.limit else served

    async def upload(self, files: Mapping[str, RunFile]) -> str:
        """Store files by their paths; return the tree's resource name."""
        tree = await run_blocking(self._transfer.upload, files)
        return str(TreeName.parse(tree.name))

    async def dataset(self, name: str) -> data_pb2.DatasetVersion:
        """Return a version of a dataset, the latest where none is named. Raises NotFound (DATASET_NOT_FOUND)."""
        assert self._data is not None
        get, request = self._data.GetDatasetVersion, data_service_pb2.GetDatasetVersionRequest(name=name)
        return (await run_blocking(repeat, lambda: get(request, timeout=CALL_SECONDS))).dataset_version

    async def dataset_of_id(self, wanted: str) -> data_pb2.DatasetVersion:
        """Return a version of what has that id. Raises NotFound (DATASET_NOT_FOUND)."""
        assert self._data is not None
        parent = str(WorkspaceName(self._workspace))
        request = data_service_pb2.ListDatasetVersionsRequest(parent=parent, id=wanted or "-", page_size=1)
        find = self._data.ListDatasetVersions
        found = (await run_blocking(repeat, lambda: find(request, timeout=CALL_SECONDS))).dataset_versions
        if not found:
            message = f"no registered dataset has the id {wanted!r} in workspace {self._workspace!r}"
            raise NotFound(message, reason="DATASET_NOT_FOUND")
        return found[0]

    async def datasets(self) -> list[data_pb2.DatasetVersion]:
        """Return the latest version of each dataset, by name."""
        assert self._data is not None
        find, parent = self._data.ListDatasetVersions, str(WorkspaceName(self._workspace))

        def page(request: data_service_pb2.ListDatasetVersionsRequest) -> data_service_pb2.ListDatasetVersionsResponse:
            return repeat(lambda: find(request, timeout=CALL_SECONDS))

        request = data_service_pb2.ListDatasetVersionsRequest(parent=parent)
        return await run_blocking(lambda: list(pages(page, request, lambda found: found.dataset_versions)))

    async def part(self, tree: str, paths: Collection[str]) -> str:
        """Return the tree of some of a tree's files. Raises NotFound (FILE_NOT_FOUND)."""
        return await run_blocking(self._part, tree, paths)

    def _part(self, tree: str, paths: Collection[str]) -> str:
        files = self._files(tree)
        for path in paths:
            if path not in files:
                raise NotFound(f"paths: there is no file {path[:200]!r}", reason="FILE_NOT_FOUND")
        return self._transfer.compose({path: files[path] for path in paths}).name

    async def register(self, request: data_service_pb2.CreateDatasetVersionRequest) -> data_pb2.DatasetVersion:
        """Register a version of a dataset; return it. Raises AlreadyExists (DATASET_EXISTS), InvalidArgument."""
        assert self._data is not None
        create = self._data.CreateDatasetVersion
        return (await run_blocking(repeat, lambda: create(request, timeout=CALL_SECONDS))).dataset_version

    async def leave(self, lease: agents.Lease, wanted: runs.RunOutput, tree: str) -> str:
        """Put what a run has left where it is to be; return the version of a dataset that it is, empty for none."""
        assert self._data is not None
        return await run_blocking(Leaving(self._data, self._transfer).keep, lease, wanted, tree)

    async def paths(self, tree: str) -> set[str]:
        """Return the paths of a tree's files."""
        return set(await self.sizes(tree))

    async def sizes(self, tree: str) -> dict[str, int]:
        """Return the sizes of a tree's files by their paths."""
        if not tree:
            return {}
        files = self._trees.known(tree)
        if files is None:
            files = await run_blocking(self._files, tree)
        return {path: entry.size for path, entry in files.items()}

    async def read(self, tree: str, path: str, offset: int, length: int) -> bytes:
        """Return so many bytes of a file, fewer where it ends before. Raises NotFound, OutOfRange."""
        return await run_blocking(self._transfer.read, tree, path, offset, length)

    def _files(self, tree: str) -> Files:
        return self._trees.files(tree, lambda: {entry.path: entry for entry in self._transfer.entries(tree)})


def _beside(folder: Path) -> Path:
    """Make a folder whose name nobody has, and remove those that others left behind.

    A download whose caller is gone goes on for a while: it must not end in the folder of the next.
    """
    for left in folder.parent.glob(f"{folder.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = folder.with_name(f"{folder.name}.{secrets.token_hex(8)}.tmp")
    temporary.mkdir()
    return temporary
