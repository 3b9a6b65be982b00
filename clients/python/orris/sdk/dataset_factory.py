"""Datasets of what is in datastores, as it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.sdk import table_options
from orris.sdk.data_selection import Selection, selected
from orris.sdk.dataset import FileDataset, TabularDataset
from orris.sdk.datastore import paths_of

if TYPE_CHECKING:
    from orris.artifacts.v1 import data_pb2
    from orris.sdk.workspace import Workspace


def files_at(path: object) -> tuple[Workspace, str]:
    """Return the workspace and tree of the files that paths in datastores mean. Raises NotFound, InvalidArgument."""
    paths = paths_of(path)
    workspace = paths[0].datastore.workspace
    listings: dict[str, Callable[[str], Any]] = {}
    for each in paths:
        if each.datastore.workspace.resource_name != workspace.resource_name:
            raise InvalidArgument("path: the datastores are of different workspaces", field="path")
        listings.setdefault(each.datastore.name, each.datastore.files.entries)
    found = selected([(Selection(each.path_on_datastore), listings[each.datastore.name]) for each in paths])
    return workspace, workspace.transfer.compose(found).name


def from_files(path: object) -> FileDataset:
    """Return the files that paths in datastores mean, as they are now."""
    return FileDataset(*files_at(path))


def from_table(path: object, table: data_pb2.Table) -> TabularDataset:
    """Return the table that the files at paths in datastores are, as they are now."""
    return TabularDataset(*files_at(path), table)


def from_delimited_files(path: object, **options: Any) -> TabularDataset:
    """Return a table of files with lines of values; the options are those of `orris.sdk.table_options.delimited`."""
    return from_table(path, table_options.delimited(**options))
