"""The Python packages among conda's: what they are called, and how uv learns of them without installing them again."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class Dist:
    """A Python package that is installed: what it is called on PyPI, and what its extras need."""

    name: str
    version: str
    extras: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def pin(self) -> str:
        """The package as a requirement."""
        return f"{self.name}=={self.version}"


def installed(prefix: Path) -> list[Dist]:
    """Return the Python packages in a prefix. They are read, nothing of them is run."""
    found = dict[str, Dist]()
    for one in distributions(path=[*map(str, sorted(prefix.glob("lib/python3*/site-packages")))]):
        name, version = canonicalize_name(one.metadata["Name"] or ""), _version(one.metadata["Version"])
        needs = [line for line in one.metadata.get_all("Requires-Dist") or () if "extra" in line.partition(";")[2]]
        if name and version:
            extras = one.metadata.get_all("Provides-Extra") or ()
            found[name] = Dist(name, version, tuple(map(str, extras)), tuple(map(str, needs)))
    return [found[name] for name in sorted(found)]


def offer(dists: Iterable[Dist], folder: Path) -> None:
    """Put wheels without files into `folder`: uv then knows the packages also where no index has them.

    They need what only their extras need: conda has brought all the rest.
    """
    for one in dists:
        stem = f"{one.name.replace('-', '_')}-{one.version}"
        lines = ["Metadata-Version: 2.1", f"Name: {one.name}", f"Version: {one.version}"]
        lines += [f"Provides-Extra: {extra}" for extra in one.extras]
        lines += [f"Requires-Dist: {line}" for line in one.needs]
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join(lines) + "\n")
            wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{stem}.dist-info/RECORD", "")


def _version(text: str | None) -> str:
    """Return the version in its one form, empty where it is none that pip knows."""
    try:
        return str(Version(text or ""))
    except InvalidVersion:
        return ""
