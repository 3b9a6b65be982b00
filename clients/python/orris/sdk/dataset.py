"""Datasets: files that never change, alone or read as a table; registered, they have a name and numbered versions."""

from __future__ import annotations

import builtins
import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orris.artifacts.v1 import data_pb2
from orris.errors import InvalidArgument, NotFound
from orris.names import DatasetName, DatasetVersionName
from orris.runs.v1 import runs_pb2
from orris.sdk.data_inputs import DatasetConsumptionConfig
from orris.sdk.dataset_files import DatasetFiles, KeptFiles
from orris.sdk.paging import pages
from orris.sdk.path_values import PathValues
from orris.sdk.spelling import moment
from orris.tables import dataset_id, reading_of

if TYPE_CHECKING:
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.run import Run
    from orris.sdk.tabular_dataset import TabularDataset
    from orris.sdk.workspace import Workspace

LATEST = "latest"


class Dataset:
    """Files that never change; `message` says more of a registered version."""

    def __init__(
        self,
        files: DatasetFiles,
        table: data_pb2.Table | None = None,
        message: data_pb2.DatasetVersion | None = None,
        partition_format: str = "",
    ) -> None:
        """`partition_format`: what paths of files say that are no table; a table has its own."""
        self.files = files
        self.table = table
        self.message = message or data_pb2.DatasetVersion()
        self.partition_format = table.partition_format if table else partition_format or self.message.partition_format
        # The registered version whose files these are, be they read otherwise.
        self.origin = self.message.name

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: int | str = LATEST) -> FileDataset | TabularDataset:
        """Return a registered version; `NAME:VERSION` names both. Raises NotFound, InvalidArgument."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        request = rpc.GetDatasetVersionRequest(name=resource_name(workspace, name, version))
        return adopt(workspace, workspace.connection.data.GetDatasetVersion(request).dataset_version)

    @classmethod
    def get_by_name(cls, workspace: Workspace, name: str, version: int | str = LATEST) -> FileDataset | TabularDataset:
        """Return a registered version. Raises NotFound."""
        return cls.get(workspace, name, version)

    @classmethod
    def get_by_id(cls, workspace: Workspace, wanted: str) -> FileDataset | TabularDataset:
        """Return a registered version by what it is. Raises NotFound."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        request = rpc.ListDatasetVersionsRequest(parent=workspace.resource_name, id=wanted)
        found = list(pages(workspace.connection.data.ListDatasetVersions, request, lambda page: page.dataset_versions))
        if not found:
            raise NotFound(f"workspace {workspace.name} has no registered dataset with the id {wanted!r}")
        return adopt(workspace, found[-1])

    @classmethod
    def list(cls, workspace: Workspace, name: str | None = None) -> builtins.list[FileDataset | TabularDataset]:
        """Return the latest version of each dataset by name, or all versions of one, newest first."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        parent = str(DatasetName(workspace.name, name)) if name else workspace.resource_name
        request = rpc.ListDatasetVersionsRequest(parent=parent)
        found = pages(workspace.connection.data.ListDatasetVersions, request, lambda page: page.dataset_versions)
        return [adopt(workspace, each) for each in found]

    @classmethod
    def get_all(cls, workspace: Workspace) -> dict[str, FileDataset | TabularDataset]:
        """Return the latest version of each dataset by name."""
        return {each.name or "": each for each in cls.list(workspace)}

    @classmethod
    def create(
        cls,
        workspace: Workspace,
        name: str,
        path: str | os.PathLike[str],
        *,
        table: data_pb2.Table | None = None,
        partition_format: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> FileDataset | TabularDataset:
        """Register a file or folder of this machine, or what is at an http or https URL.

        `partition_format`: what paths of files say that are no table; a table has its own. Only what the workspace does
        not keep yet is sent. Unchanged files are no new version. Raises NotFound, InvalidArgument, FailedPrecondition
        (FILE_CHANGES); for a URL also what `orris.sdk.web_files.fetched` raises.
        """
        from orris.sdk.dataset_factory import files_at, with_paths_checked

        files = files_at(path) if isinstance(path, str) and "://" in path else _of_machine(workspace, path)
        made = with_paths_checked(_kind(table is not None)(files, table, None, partition_format))
        return made.register(workspace, name, description, tags, create_new_version=True)

    @property
    def workspace(self) -> Workspace:
        """The workspace that keeps its files. Raises InvalidArgument where none does yet."""
        return self.files.workspace

    @property
    def name(self) -> str | None:
        """The name of a registered one."""
        return DatasetVersionName.parse(self.message.name).dataset if self.message.name else None

    @property
    def version(self) -> int | None:
        """The version of a registered one."""
        return int(DatasetVersionName.parse(self.message.name).version) if self.message.name else None

    @property
    def id(self) -> str:
        """What it is, whatever it is called: the same for the same files, read in the same way."""
        return dataset_id(self.files.digest, reading_of(self._read_as()))

    @property
    def partition_keys(self) -> builtins.list[str]:
        """The columns that paths of its files say; none without a `partition_format`."""
        return PathValues(self.partition_format).keys

    def get_partition_key_values(self, partition_keys: Sequence[str] | None = None) -> builtins.list[dict[str, Any]]:
        """Return which values of these columns (default: all) occur together in paths of the files, each once.

        Values are text or `datetime`s. What is done with a table's rows changes nothing. Raises InvalidArgument.
        """
        keys = [partition_keys] if isinstance(partition_keys, str) else partition_keys
        return PathValues(self.partition_format).distinct(self.files.paths(), keys)

    @property
    def description(self) -> str:
        """Free text for people."""
        return self.message.description

    @property
    def tags(self) -> dict[str, str]:
        """Text by key."""
        return dict(self.message.tags)

    @property
    def created_time(self) -> datetime | None:
        """When it was registered."""
        return moment(self.message.create_time)

    @property
    def data_changed_time(self) -> datetime | None:
        """When it was registered: its files never change after that."""
        return self.created_time

    @property
    def run_id(self) -> str | None:
        """The run that made it."""
        return self.message.run.rpartition("/")[2] or None

    def register(
        self,
        workspace: Workspace,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        create_new_version: bool = False,
    ) -> Self:
        """Register it, as a new version where the dataset has others; return what was registered.

        Raises AlreadyExists (DATASET_EXISTS) for another content without `create_new_version`.
        """
        from orris.artifacts.v1 import data_service_pb2 as rpc

        tree = self.files.kept_in(workspace)
        version = self._read_as()
        version.MergeFrom(data_pb2.DatasetVersion(tree=tree, description=description or "", tags=dict(tags or {})))
        request = rpc.CreateDatasetVersionRequest(
            parent=workspace.resource_name,
            dataset_id=name,
            dataset_version=version,
            request_id=uuid.uuid4().hex,
            only_first=not create_new_version,
        )
        made = workspace.connection.data.CreateDatasetVersion(request).dataset_version
        return type(self)(KeptFiles(workspace, tree), self.table, made, self.partition_format)

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of a registered version."""
        self._update(set_tags=dict(tags))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove tags of a registered version."""
        self._update(remove_tags=[tags] if isinstance(tags, str) else builtins.list(tags))

    def update(self, description: str | None = None, tags: Mapping[str, str] | None = None) -> Self:
        """Change description and tags of a registered version."""
        self._update(description=description, set_tags=dict(tags or {}))
        return self

    def delete(self) -> None:
        """Delete this version; runs that used it keep its files. Raises NotFound."""
        from orris.artifacts.v1 import data_service_pb2 as rpc

        self._require_name()
        self.workspace.connection.data.DeleteDatasetVersion(rpc.DeleteDatasetVersionRequest(name=self.message.name))

    def unregister_all_versions(self) -> None:
        """Delete all versions of the dataset that it is registered as; runs that used them keep their files."""
        self._require_name()
        for each in Dataset.list(self.workspace, self.name):
            each.delete()

    def runs(self) -> builtins.list[Run]:
        """Return the runs that got this version, or made it, newest first."""
        from orris.runs.v1 import runs_service_pb2 as rpc
        from orris.sdk.run import Run

        self._require_name()
        request = rpc.ListRunsRequest(parent=self.workspace.resource_name, dataset=self.message.name)
        found = pages(self.workspace.connection.runs.ListRuns, request, lambda page: page.runs)
        return [Run(self.workspace, each) for each in found]

    def to_path(self) -> builtins.list[str]:
        """Return the paths of the files, each with a slash before it."""
        return [f"/{path}" for path in self.files.paths()]

    def download(
        self, target_path: str | os.PathLike[str] | None = None, overwrite: bool = False, **_options: Any
    ) -> builtins.list[str]:
        """Save the files in a folder (default: a new temporary one); return where they are.

        Raises InvalidArgument where files of that name are there, unless `overwrite`.
        """
        into = Path(target_path) if target_path is not None else Path(tempfile.mkdtemp(prefix="orris-data-"))
        if not overwrite and (there := [path for path in self.files.paths() if (into / path).exists()]):
            raise InvalidArgument(f"{into / there[0]} is there already; give overwrite=True", field="overwrite")
        return [str(path) for path in self.files.save(into)]

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """Return it as an input of a run."""
        return DatasetConsumptionConfig(name, self)

    def as_input(self, workspace: Workspace) -> runs_pb2.RunInput:
        """Return what a run asks for to get it. Raises InvalidArgument for one of another workspace."""
        tree = self.files.kept_in(workspace)
        message = runs_pb2.RunInput(dataset=self.origin, tree="" if self.origin else tree, table=self.table)
        message.partition_format = self._read_as().partition_format
        return message

    def _read_as(self) -> data_pb2.DatasetVersion:
        """Return a version that says nothing but how the files are read."""
        return data_pb2.DatasetVersion(
            table=self.table, partition_format="" if self.table is not None else self.partition_format
        )

    def _update(self, **changes: Any) -> None:
        from orris.artifacts.v1 import data_service_pb2 as rpc

        self._require_name()
        request = rpc.UpdateDatasetVersionRequest(name=self.message.name, **changes)
        self.message = self.workspace.connection.data.UpdateDatasetVersion(request).dataset_version

    def _require_name(self) -> None:
        if not self.message.name:
            raise InvalidArgument("the dataset is not registered; register it first", field="name")

    def __repr__(self) -> str:
        named = f"{self.name}:{self.version}" if self.message.name else self.id
        return f"{type(self).__name__}({named!r})"


def resource_name(workspace: Workspace, name: str, version: int | str | None = LATEST) -> str:
    """Return the resource name of a version: of the latest, of `version`, or of that in `NAME:VERSION`."""
    name, _, named = name.partition(":")
    version = named or version
    if version in (None, LATEST):
        return str(DatasetName(workspace.name, name))
    return str(DatasetVersionName(workspace.name, name, str(version)))


def adopt(workspace: Workspace, message: data_pb2.DatasetVersion) -> FileDataset | TabularDataset:
    """Return a registered version as the kind of dataset that it is."""
    is_table = message.HasField("table")
    return _kind(is_table)(KeptFiles(workspace, message.tree), message.table if is_table else None, message)


def _kind(is_table: bool) -> type[FileDataset | TabularDataset]:
    from orris.sdk.file_dataset import FileDataset  # both are datasets themselves
    from orris.sdk.tabular_dataset import TabularDataset

    return TabularDataset if is_table else FileDataset


def _of_machine(workspace: Workspace, path: str | os.PathLike[str]) -> KeptFiles:
    from orris.sdk.data_folder import data_files
    from orris.sdk.digest_cache import DigestCache
    from orris.sdk.progress import bytes_shown

    files = data_files(path)
    if not files:
        raise InvalidArgument(f"path: {os.fspath(path)!r} has no files in it", field="path")
    with bytes_shown("Uploading the data") as progress:
        return KeptFiles(workspace, workspace.transfer.upload(files, progress, cache=DigestCache.of(path)).name)
