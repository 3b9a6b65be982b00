"""Where the files of a dataset are: in a workspace, or on this machine until a workspace is to keep them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from orris.errors import InvalidArgument

if TYPE_CHECKING:
    from orris.artifacts.v1 import artifacts_pb2
    from orris.sdk.workspace import Workspace


class DatasetFiles(Protocol):
    """Files that never change, by their paths."""

    @property
    def workspace(self) -> Workspace:
        """The workspace that keeps them. Raises InvalidArgument where none does yet."""

    @property
    def digest(self) -> str:
        """The digest of the tree that they are."""

    def paths(self) -> list[str]:
        """Return their paths, in order."""

    def only(self, paths: Iterable[str]) -> Self:
        """Return some of them."""

    def save(self, into: Path) -> list[Path]:
        """Write them into a folder of this machine; return where they are."""

    def kept_in(self, workspace: Workspace) -> str:
        """Return the resource name of their tree in a workspace. Raises InvalidArgument where that is impossible."""


class KeptFiles:
    """Files of a workspace, by the resource name of the tree that they are. Calls nothing yet."""

    def __init__(self, workspace: Workspace, tree: str) -> None:
        self.workspace = workspace
        self.tree = tree

    @property
    def digest(self) -> str:
        return self.tree.rpartition("/")[2]

    def paths(self) -> list[str]:
        return list(self._entries)

    def only(self, paths: Iterable[str]) -> KeptFiles:
        chosen = {path: self._entries[path] for path in paths}
        return KeptFiles(self.workspace, self.workspace.transfer.compose(chosen).name)

    def save(self, into: Path) -> list[Path]:
        return self.workspace.transfer.download(self.tree, into)

    def kept_in(self, workspace: Workspace) -> str:
        if workspace.resource_name != self.workspace.resource_name:
            message = f"the dataset is of the workspace {self.workspace.name}, not of {workspace.name}; use it there"
            raise InvalidArgument(message, field="workspace")
        return self.tree

    @cached_property
    def _entries(self) -> dict[str, artifacts_pb2.TreeEntry]:
        return {entry.path: entry for entry in self.workspace.transfer.entries(self.tree)}
