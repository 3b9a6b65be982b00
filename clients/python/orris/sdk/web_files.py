"""Files of the web as those of a dataset: fetched once, onto this machine, before anything is done with them."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit

from orris.errors import InvalidArgument
from orris.sdk.content import FileContent
from orris.sdk.copying import copy_range
from orris.sdk.hashing import HASHERS, Hasher
from orris.sdk.pieces import tree_digest
from orris.sdk.progress import bytes_shown
from orris.sdk.target_folder import TargetFolder
from orris.sdk.web_fetching import check_url, fetch, shown
from orris.tree_paths import check_path

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

MAX_URLS = 10_000
MODE = 0o644


class WebFiles:
    """Files that were fetched, path -> file on this machine. They go with the last object that has some of them."""

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

    def only(self, paths: Iterable[str]) -> WebFiles:
        return WebFiles({path: self._files[path] for path in paths}, self._folder)

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


def fetched(urls: Sequence[str]) -> WebFiles:
    """Return the files at URLs, fetched one after the other, by their paths below what the URLs have in common.

    Raises InvalidArgument (INVALID_URL, INVALID_PATH), and what `orris.sdk.web_fetching.fetch` raises.
    """
    named = paths_of_urls(urls)
    temporary = tempfile.TemporaryDirectory(prefix="orris-web-")
    top = Path(temporary.name)
    with TargetFolder(top) as folder:
        for path, url in named.items():
            with bytes_shown(f"Fetching {shown(url)}") as progress, folder.file(path, MODE) as descriptor:
                fetch(url, descriptor, progress)
    return WebFiles({path: FileContent(top / path) for path in named}, temporary)


def paths_of_urls(urls: Sequence[str]) -> dict[str, str]:
    """Return URLs by the paths that their files get: below the deepest folder that all of them are in."""
    if len(urls) > MAX_URLS:
        raise InvalidArgument(f"path: {len(urls):,} URLs, at most {MAX_URLS:,}; upload the files", field="path")
    places: dict[str, str] = {}
    for url in urls:
        check_url(url)
        if places.setdefault(place := _place(url), url) != url:
            raise InvalidArgument(f"path: two different files would be {place!r}; select them apart", field="path")
    tops = [posixpath.dirname(place) for place in places]
    top = posixpath.commonpath(tops) if all(tops) else ""
    named = {place.removeprefix(f"{top}/" if top else ""): url for place, url in places.items()}
    for path in named:
        check_path(path)
    return named


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}/{unquote(parts.path).strip('/')}".rstrip("/")
