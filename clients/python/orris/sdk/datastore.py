"""Datastores: named places in a workspace that files are uploaded to, and that datasets are made from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orris.errors import InvalidArgument, NotFound
from orris.names import DatastoreName
from orris.sdk.paging import pages

if TYPE_CHECKING:
    from orris.sdk.content import FileContent
    from orris.sdk.data_inputs import DatasetConsumptionConfig
    from orris.sdk.datastore_tree import DatastoreTree
    from orris.sdk.workspace import Workspace

DEFAULT = "workspaceblobstore"
# Those that every workspace of Azure has: they are there, and empty, before anything is uploaded.
ALWAYS_THERE = (DEFAULT, "workspacefilestore", "workspaceworkingdirectory", "workspaceartifactstore")


@dataclass(frozen=True)
class DataPath:
    """A path in a datastore: a file, a folder, or a pattern with `*` and `**`."""

    datastore: Datastore
    path_on_datastore: str = ""
    name: str | None = None

    def path(self, path: str | None = None) -> Self:
        """Return a path below this one."""
        return type(self)(self.datastore, "/".join(filter(None, [self.path_on_datastore.strip("/"), path or ""])))

    def as_mount(self) -> DatasetConsumptionConfig:
        """Return the files that are there now as an input of a run that is only to be read."""
        return self.as_named_input(None, "mount")

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the files that are there now as an input of a run that it may change."""
        return self.as_named_input(None, "download", path_on_compute)

    def as_named_input(
        self, name: str | None, mode: str, path_on_compute: str | None = None
    ) -> DatasetConsumptionConfig:
        """Return the files that are there now as an input; a folder is one, be there only one file in it."""
        from orris.sdk.data_inputs import DatasetConsumptionConfig
        from orris.sdk.dataset_factory import from_files

        path = self.path_on_datastore.strip("/")
        first = next(self.datastore.files.entries(path), None)
        as_folder = first is None or first.path != path
        name = name or f"input_{secrets.token_hex(4)}"
        return DatasetConsumptionConfig(name, from_files(self), mode, path_on_compute, as_folder)


class Datastore:
    """A datastore of a workspace, by default the one that every workspace has. Calls nothing yet."""

    datastore_type = "Orris"

    def __init__(self, workspace: Workspace, name: str = DEFAULT) -> None:
        self.workspace = workspace
        self.name = name
        self.resource_name = str(DatastoreName(workspace.name, name))

    @classmethod
    def get(cls, workspace: Workspace, datastore_name: str) -> Datastore:
        """Return a datastore that is there. Raises NotFound."""
        found = cls(workspace, datastore_name)
        if datastore_name not in ALWAYS_THERE and not found.files.tree():
            raise NotFound(f"workspace {workspace.name} has no datastore {datastore_name!r}; upload something to it")
        return found

    @classmethod
    def get_default(cls, workspace: Workspace) -> Datastore:
        """Return the datastore that every workspace has."""
        return cls(workspace)

    @classmethod
    def list(cls, workspace: Workspace) -> list[Datastore]:
        """Return the datastores by name, the default one among them."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        request = rpc.ListDatastoresRequest(parent=workspace.resource_name)
        found = pages(workspace.connection.data.ListDatastores, request, lambda page: page.datastores)
        names = {DatastoreName.parse(each.name).datastore for each in found} | {DEFAULT}
        return [cls(workspace, name) for name in sorted(names)]

    @property
    def files(self) -> DatastoreTree:
        """The files that are there."""
        from orris.sdk.datastore_tree import DatastoreTree

        return DatastoreTree(self.workspace.connection.data, self.workspace.transfer, self.resource_name)

    def path(self, path: str | None = None) -> DataPath:
        """Return a path in the datastore."""
        return DataPath(self, path or "")

    def as_mount(self) -> DatasetConsumptionConfig:
        """Return all files that are there now as an input of a run that is only to be read."""
        return self.path().as_mount()

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return all files that are there now as an input of a run that it may change."""
        return self.path().as_download(path_on_compute)

    def upload(
        self,
        src_dir: str | os.PathLike[str],
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataPath:
        """Put the files of a folder below `target_path`; only what the workspace does not keep yet is sent.

        Files that are there stay as they are unless `overwrite`. Raises NotFound, InvalidArgument (INVALID_PATH),
        FailedPrecondition (FILE_CHANGES).
        """
        from orris.sdk.data_folder import data_files

        if not Path(src_dir).is_dir():
            raise InvalidArgument(f"src_dir: {os.fspath(src_dir)!r} is no folder", field="src_dir")
        return self._put(data_files(src_dir), Path(src_dir), target_path, overwrite)

    def upload_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        relative_root: str | os.PathLike[str] | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataPath:
        """Put files below `target_path`, by their paths relative to `relative_root`: their common folder by default."""
        from orris.sdk.content import FileContent

        paths = [Path(file).expanduser().absolute() for file in files]
        if not paths:
            raise InvalidArgument("files: give at least one", field="files")
        root = Path(relative_root).absolute() if relative_root else Path(os.path.commonpath([p.parent for p in paths]))
        for path in paths:
            if not path.is_relative_to(root):
                raise InvalidArgument(f"files: {path} is not below relative_root, {root}", field="files")
        contents = {path.relative_to(root).as_posix(): FileContent(path) for path in paths}
        return self._put(contents, root, target_path, overwrite)

    def download(
        self,
        target_path: str | os.PathLike[str],
        prefix: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Save the files below `prefix` (default: all) in a folder, by their whole paths; return how many.

        Files that are there stay as they are unless `overwrite`.
        """
        tree, into = self.files.tree(), Path(target_path)
        wanted = [each.path for each in self.workspace.transfer.entries(tree, prefix or "")] if tree else []
        missing = wanted if overwrite else [path for path in wanted if not (into / path).exists()]
        if len(missing) == len(wanted) and wanted:
            self.workspace.transfer.download(tree, into, prefix or "")
        else:
            for path in missing:
                self.workspace.transfer.download(tree, into, path)
        return len(missing)

    def remove(self, prefix: str = "") -> None:
        """Remove a file, or those below a folder, or all. What datasets and runs need of them stays."""
        self.files.remove(prefix)

    def delete(self) -> None:
        """Delete the datastore with its files. What datasets and runs need of them stays."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        self.workspace.connection.data.DeleteDatastore(rpc.DeleteDatastoreRequest(name=self.resource_name))

    def _put(self, files: dict[str, FileContent], folder: Path, target: str | None, overwrite: bool) -> DataPath:
        from orris.sdk.digest_cache import DigestCache
        from orris.sdk.progress import bytes_shown

        below = (target or "").strip("/")
        named = {f"{below}/{path}" if below else path: file for path, file in files.items()}
        if not overwrite:
            there = {entry.path for entry in self.files.entries(below)}
            named = {path: file for path, file in named.items() if path not in there}
        if named:
            with bytes_shown("Uploading the data") as progress:
                tree = self.workspace.transfer.upload(named, progress, cache=DigestCache.of(folder))
            self.files.put({entry.path: entry for entry in self.workspace.transfer.entries(tree.name)})
        return self.path(below)

    def __repr__(self) -> str:
        return f"Datastore({self.name!r})"


def paths_of(path: object) -> list[DataPath]:
    """Return the paths of a datastore that are meant: a DataPath, a (datastore, path) pair, or a list of these.

    Raises InvalidArgument.
    """
    if isinstance(path, DataPath):
        return [path]
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        return [each for one in _texts(path[1]) for each in [DataPath(path[0], one)]]
    if isinstance(path, Iterable) and not isinstance(path, str | bytes):
        found = [each for one in path for each in paths_of(one)]
        if found:
            return found
    message = (
        f"path: {str(path)[:200]!r} is neither a path in a datastore nor an http URL; upload the files first: "
        "Datastore.get_default(workspace).upload(folder, 'data'), then give (datastore, 'data')"
    )
    raise InvalidArgument(message, field="path")


def _texts(path: object) -> list[str]:
    return [path] if isinstance(path, str) else [str(each) for each in path]  # type: ignore[attr-defined]
