"""A conda package of a Python that runs: the files of the one that runs the tests, without what nobody misses there."""

from __future__ import annotations

import functools
import platform
import sys
import sysconfig
from pathlib import Path

from tests.servers.conda_channel import PLACEHOLDER, Package

_LEFT_OUT = {
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3",
    "ensurepip", "pydoc_data", "EXTERNALLY-MANAGED",
}  # fmt: skip


def python_package(version: str | None = None) -> Package:
    """Return the package `python`: this one's files, whatever version the package says it is."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Package(
        "python",
        version or platform.python_version(),
        {
            **_files(minor),
            "bin/prefix-of-python": f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint(sys.prefix)\n".encode(),
        },
        executables=(f"bin/{minor}", "bin/prefix-of-python"),
    )


@functools.cache
def _files(minor: str) -> dict[str, bytes | Path]:
    base = Path(sys.base_prefix)
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(base)}))
    files: dict[str, bytes | Path] = {"bin/python": Path(minor), "bin/python3": Path(minor)}
    files[f"bin/{minor}"] = _movable((base / "bin" / minor).read_bytes(), base)
    for file in sorted(library.rglob("*")):
        inside = file.relative_to(library)
        if file.is_file() and not _LEFT_OUT & set(inside.parts) and not inside.parts[0].startswith("config-"):
            files[f"lib/{minor}/{inside}"] = file.read_bytes()
    for shared in base.glob(f"lib/lib{minor}.so.*"):
        files[f"lib/{shared.name}"] = _movable(shared.read_bytes(), base)
    return files


def _movable(binary: bytes, base: Path) -> bytes:
    """Let a program find its library where it is, as conda's do: by an rpath that is relative."""
    absolute = f"{base}/lib".encode() + b"\0"
    return binary.replace(absolute, b"$ORIGIN/../lib".ljust(len(absolute), b"\0"))
