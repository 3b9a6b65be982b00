"""Look into an archive before anything of it is put into place.

rattler unpacks archives safely, but then puts files where the archive says without looking: above the prefix, too, and
through links that another package has put there.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orris_kit.conda_program import Refused

UNPACKED_LIMIT = 64 * 1024**3
_DESCRIPTIONS = frozenset({"info/index.json", "info/paths.json", "info/files", "info/link.json"})
_DESCRIPTION_LIMIT = 256 * 1024**2
_COMMAND = re.compile(r"[\w.+-]+\s*=\s*[\w.]+\s*:\s*[\w.]+")


@dataclass(frozen=True)
class Contents:
    """What an archive puts where: its files by their paths, and which of them are links.

    Those of a Python package for any Python (`noarch`) begin with `site-packages`, wherever the Python has that;
    `site_packages` is where a package `python` says it is.
    """

    stem: str
    paths: list[str]
    links: list[str]
    noarch: bool = False
    site_packages: str = ""

    def places(self, names: Iterable[str], site_packages: str) -> Iterator[str]:
        """Return where in the environment the files of these names are put."""
        for name in names:
            first, _, rest = name.partition("/")
            folder = {"site-packages": site_packages, "python-scripts": "bin"}.get(first) if self.noarch else None
            yield posixpath.normpath(f"{folder}/{rest}" if folder else name)


async def contents(file: Path, stem: str) -> Contents:
    """Return what is in an archive; raise Refused when it is not that of `stem`, or reaches beyond its environment."""
    try:
        info, links = await _read(file, stem)
    except OSError as error:  # rattler's words for what is no archive, or has files without proper names
        raise Refused(f"{stem}: {error}") from error
    index = json.loads(info.get("info/index.json", b"{}"))
    said = "-".join(str(index.get(key)) for key in ("name", "version", "build"))
    if said != stem:
        raise Refused(f"{stem}: the archive says that it is {said[:200]}")
    paths, site_packages = _paths(info), _site_packages(index)
    _check_paths(stem, [*paths, site_packages])
    _check_commands(json.loads(info.get("info/link.json", b"{}")), stem)
    return Contents(stem, paths, links, index.get("noarch") == "python", site_packages)


def check_together(packages: Iterable[Contents]) -> None:
    """Raise Refused when a file would be put behind a link, which may lead anywhere by the time it is followed."""
    known = list(packages)
    site_packages = next((one.site_packages for one in known if one.stem.startswith("python-3")), "site-packages")
    links = {place for one in known for place in one.places(one.links, site_packages)}
    for one in known:
        for place in one.places(one.paths, site_packages):
            if any(above in links for above in _above(place)):
                raise Refused(f"{one.stem}: its file {place[:200]!r} lies behind a link")


def _paths(info: dict[str, bytes]) -> list[str]:
    """Return the paths of the files as rattler will read them; archives of before 2017 have but a list."""
    from rattler.package import PathsJson

    if "info/paths.json" not in info:
        return info.get("info/files", b"").decode().splitlines()
    known = PathsJson.from_str(info["info/paths.json"].decode())
    return [entry.relative_path.as_posix() for entry in known.paths]


def _site_packages(index: dict[str, Any]) -> str:
    minor = ".".join(str(index.get("version")).split(".")[:2])
    return str(index.get("python_site_packages_path") or f"lib/python{minor}/site-packages")


def _above(place: str) -> Iterator[str]:
    while place := posixpath.dirname(place):
        yield place


def _check_paths(stem: str, paths: Iterable[str]) -> None:
    for path in paths:
        if not path or "\0" in path or path.startswith("/") or ".." in path.split("/"):
            raise Refused(f"{stem}: its file {path[:200]!r} lies outside of the environment")


async def _read(file: Path, stem: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the files that describe the archive, and the names of its links, after a look at where those lead."""
    from rattler.package_streaming import PackageArchive

    archive = await PackageArchive.from_path(file)
    size, info, links = 0, dict[str, bytes](), list[str]()
    for section in ("info", "pkg"):
        async for entry in archive.stream(section):
            size += entry.size
            if size > UNPACKED_LIMIT:
                raise Refused(f"{stem}: more than {UNPACKED_LIMIT} bytes unpacked")
            _check_paths(stem, [entry.name])
            if entry.is_link:
                links.append(entry.name)
                if not _stays(entry.link_target or "", "" if entry.is_hardlink else posixpath.dirname(entry.name)):
                    raise Refused(f"{stem}: its link {entry.name[:200]!r} leads out of the environment")
            elif entry.name in _DESCRIPTIONS and entry.size <= _DESCRIPTION_LIMIT:
                info[entry.name] = await entry.read()
    return info, links


def _stays(target: str, folder: str) -> bool:
    """Tell whether a link in `folder` stays inside. `a/..` is anywhere if `a` is a link: only first may .. be."""
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = target.split("/")
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    depth = len([part for part in folder.split("/") if part not in ("", ".")])
    return ups <= depth and ".." not in parts[ups:]


def _check_commands(link: Any, stem: str) -> None:
    for command in (link.get("noarch") or {}).get("entry_points") or []:
        if not _COMMAND.fullmatch(str(command)):
            raise Refused(f"{stem}: {str(command)[:200]!r} is not the entry point of a command")
