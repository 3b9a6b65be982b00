"""Files of the web as those of a dataset: fetched once, onto this machine, before anything is done with them."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orris.errors import InvalidArgument
from orris.sdk.content import FileContent
from orris.sdk.local_files import MODE, LocalFiles
from orris.sdk.progress import bytes_shown
from orris.sdk.target_folder import TargetFolder
from orris.sdk.web_fetching import check_url, fetch, shown
from orris.tree_paths import check_path

MAX_URLS = 10_000


def fetched(urls: Sequence[str]) -> LocalFiles:
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
    return LocalFiles({path: FileContent(top / path) for path in named}, temporary)


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
