"""Files of this machine as those of a dataset: fetched, or made, before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from orris.errors import InvalidArgument
from orris.sdk.content import FileContent
from orris.sdk.copying import copy_range
from orris.sdk.hashing import HASHERS, Hasher
from orris.sdk.pieces import tree_digest
from orris.sdk.progress import bytes_shown
from orris.sdk.target_folder import TargetFolder

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

MODE = 0o644


class LocalFiles:
    """Path -> file. They are in a folder that goes with the last object that has some of them."""

    def __init__(self, files: Mapping[str, FileContent], folder: object) -> None:
        self._files = dict(sorted(files.items()))
        self._folder = folder
        self._trees: dict[str, str] = {}

    @property
    def workspace(self) -> NoReturn:
        raise InvalidArgument("the dataset is in no workspace yet; register it first", field="workspace")

    @cached_property
    def digest(self) -> str:
        with ThreadPoolExecutor(HASHERS, thread_name_prefix="hash") as pool:
            hasher = Hasher(pool)
            for _ in hasher.pieces(self._files):
                pass
        return tree_digest(hasher.entries.values())

    def paths(self) -> list[str]:
        return list(self._files)

    def only(self, paths: Iterable[str]) -> LocalFiles:
        return LocalFiles({path: self._files[path] for path in paths}, self._folder)

    def save(self, into: Path) -> list[Path]:
        with TargetFolder(into) as folder:
            for path, content in self._files.items():
                with open(content, "rb") as source, folder.file(path, MODE) as descriptor:
                    copy_range(source.fileno(), 0, descriptor, 0, content.size)
        return [into / path for path in self._files]

    def kept_in(self, workspace: Workspace) -> str:
        if workspace.resource_name not in self._trees:
            with bytes_shown("Uploading the data") as progress:
                tree = workspace.transfer.upload(self._files, progress)
            self._trees[workspace.resource_name] = tree.name
        return self._trees[workspace.resource_name]
