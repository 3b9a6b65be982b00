"""Conda channels made by hand: a folder with packages and `repodata.json`, as any web server would serve it."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import platform
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What conda-build writes where the prefix will be: long, so that the true prefix fits in its place in a binary file.
PLACEHOLDER = "/opt/placehold" + "_placehold" * 20
SUBDIR = {"x86_64": "linux-64"}.get(platform.machine(), f"linux-{platform.machine()}")
_ZSTD_BLOCK = 128 * 1024


@dataclass
class Package:
    """A package to be. `files` are by their path in the prefix; a `Path` is the target of a symbolic link."""

    name: str
    version: str
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    depends: Sequence[str] = ()
    build: str = "0"
    subdir: str = SUBDIR
    archive: str = ".conda"
    executables: Sequence[str] = ()
    index: Mapping[str, Any] = field(default_factory=dict)
    link: Mapping[str, Any] | None = None

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def index_json(self) -> dict[str, Any]:
        """What `info/index.json` and the channel's index say of it."""
        noarch = {"noarch": "python"} if self.subdir == "noarch" and self.link is not None else {}
        noarch = noarch or ({"noarch": "generic"} if self.subdir == "noarch" else {})
        said = {"name": self.name, "version": self.version, "build": self.build, "build_number": 0}
        return {**said, "depends": [*self.depends], "subdir": self.subdir, **noarch, **self.index}


def add(channel: Path, package: Package) -> Path:
    """Put a package into the folder of a channel, and into its index; return the archive."""
    data = _conda(package) if package.archive == ".conda" else _tar_bz2(package)
    return put(channel, package, data)


def put(channel: Path, package: Package, data: bytes, **said: Any) -> Path:
    """Put an archive into a channel whatever it holds; `said` is what the index says instead of the truth."""
    file = channel / package.subdir / (package.stem + package.archive)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    hashes = {"sha256": hashlib.sha256(data).hexdigest(), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}
    for subdir in ("noarch", SUBDIR):
        index = channel / subdir / "repodata.json"
        known = json.loads(index.read_bytes()) if index.exists() else {"packages": {}, "packages.conda": {}}
        if subdir == package.subdir:
            kind = "packages.conda" if package.archive == ".conda" else "packages"
            known[kind][file.name] = {**package.index_json, **hashes, **said}
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_text(json.dumps({"info": {"subdir": subdir}, "repodata_version": 1, **known}))
    return file


def _conda(package: Package) -> bytes:
    """The format of 2019: a zip archive of two tar archives."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        file.writestr(f"pkg-{package.stem}.tar.zst", zstd(tar_of(package.files, package.executables)))
        file.writestr(f"info-{package.stem}.tar.zst", zstd(tar_of(_info(package))))
    return made.getvalue()


def _tar_bz2(package: Package) -> bytes:
    return bz2.compress(tar_of({**package.files, **_info(package)}, package.executables), 1)


def _info(package: Package) -> dict[str, bytes | Path]:
    paths = [_path(name, content) for name, content in package.files.items()]
    told: dict[str, Any] = {"index.json": package.index_json, "paths.json": {"paths": paths, "paths_version": 1}}
    if package.link is not None:
        told["link.json"] = {"noarch": {"type": "python", **package.link}, "package_metadata_version": 1}
    return {f"info/{name}": json.dumps(said).encode() for name, said in told.items()}


def _path(name: str, content: bytes | Path) -> dict[str, Any]:
    if isinstance(content, Path):
        return {"_path": name, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0}
    said = {"_path": name, "path_type": "hardlink", "sha256": hashlib.sha256(content).hexdigest()}
    if PLACEHOLDER.encode() in content:
        mode = "binary" if b"\0" in content else "text"
        said |= {"prefix_placeholder": PLACEHOLDER, "file_mode": mode}
    return {**said, "size_in_bytes": len(content)}


def tar_of(files: Mapping[str, bytes | Path], executables: Sequence[str] = ()) -> bytes:
    """Return a tar archive of `files`, whatever their names."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, Path):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(entry)
                continue
            entry.size, entry.mode = len(content), 0o755 if name in executables else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def zstd(data: bytes) -> bytes:
    """Return `data` as a Zstandard frame that compresses nothing (RFC 8878, 3.1.1: raw blocks)."""
    parts = [data[begin : begin + _ZSTD_BLOCK] for begin in range(0, len(data), _ZSTD_BLOCK)] or [b""]
    frame = bytearray(b"\x28\xb5\x2f\xfd\x00\x58")  # magic number, no options, a window of 2 MiB
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        frame += (len(part) << 3 | last).to_bytes(3, "little") + part
    return bytes(frame)
