"""Datasets of what is in datastores, or on the web, as it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from orris.errors import InvalidArgument
from orris.sdk import table_options
from orris.sdk.data_selection import Selection, selected
from orris.sdk.dataset import Dataset
from orris.sdk.dataset_files import DatasetFiles, KeptFiles
from orris.sdk.datastore import paths_of
from orris.sdk.file_dataset import FileDataset
from orris.sdk.path_values import PathValues
from orris.sdk.tabular_dataset import TabularDataset

if TYPE_CHECKING:
    from orris.artifacts.v1 import data_pb2

Checked = TypeVar("Checked", bound=Dataset)


def files_at(path: object) -> DatasetFiles:
    """Return the files that paths in datastores mean, or that are at http or https URLs.

    Raises NotFound, InvalidArgument; for URLs also what `orris.sdk.web_files.fetched` raises.
    """
    if urls := _urls_in(path):
        from orris.sdk.web_files import fetched  # loads what speaks HTTP

        return fetched(urls)
    paths = paths_of(path)
    workspace = paths[0].datastore.workspace
    listings: dict[str, Callable[[str], Any]] = {}
    for each in paths:
        if each.datastore.workspace.resource_name != workspace.resource_name:
            raise InvalidArgument("path: the datastores are of different workspaces", field="path")
        listings.setdefault(each.datastore.name, each.datastore.files.entries)
    found = selected([(Selection(each.path_on_datastore), listings[each.datastore.name]) for each in paths])
    return KeptFiles(workspace, workspace.transfer.compose(found).name)


def from_files(path: object, partition_format: str | None = None) -> FileDataset:
    """Return the files that paths in datastores mean, as they are now; `partition_format`: what their own paths say."""
    return with_paths_checked(FileDataset(files_at(path), partition_format=partition_format or ""))


def from_table(path: object, table: data_pb2.Table) -> TabularDataset:
    """Return the table that the files at paths in datastores are, as they are now."""
    return with_paths_checked(TabularDataset(files_at(path), table))


def with_paths_checked(dataset: Checked) -> Checked:
    """Return a dataset. Raises InvalidArgument for a path that its `partition_format` does not fit."""
    values = PathValues(dataset.partition_format)
    for path in dataset.files.paths() if dataset.partition_format else ():
        values.of(path)
    return dataset


def from_delimited_files(path: object, **options: Any) -> TabularDataset:
    """Return a table of files with lines of values; the options are those of `orris.sdk.table_options.delimited`."""
    return from_table(path, table_options.delimited(**options))


def _urls_in(path: object) -> list[str]:
    """Return the URLs that are meant: one, or all of a list. Raises InvalidArgument for URLs beside something else."""
    given = [path] if isinstance(path, str) else path if isinstance(path, list | tuple) else []
    found = [each for each in given if isinstance(each, str) and each.lower().startswith(("http://", "https://"))]
    if found and len(found) != len(given):
        raise InvalidArgument("path: give URLs or paths in datastores, not both; upload the others", field="path")
    return found
