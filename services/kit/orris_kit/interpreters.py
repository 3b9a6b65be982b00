"""Find the Pythons of this machine: uv's, those on PATH, pyenv's and conda's."""

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orris.errors import FailedPrecondition, OrrisError
from orris_kit import uv
from orris_kit.interpreter import Interpreter, inspect_interpreter

NOT_FOUND = "INTERPRETER_NOT_FOUND"
_CONDA_FOLDERS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", ".conda")


def discover_interpreters(environ: Mapping[str, str], own: Path) -> list[Interpreter]:
    """Return every CPython that runs, one per version: `own` first, the rest newest first. Others are passed over."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        candidates = dict.fromkeys([own, *_from_uv(environ), *_from_pyenv(environ), *_from_conda(environ)])
        answers = list(pool.map(lambda path: _asked(path, environ), candidates))
    first = answers[0]
    if first is None:
        raise FailedPrecondition(f"the Python that Orris runs with does not answer: {own}")
    running = [one for one in answers if one is not None and one.implementation == "cpython"]
    by_version = {one.version: one for one in reversed(running)}
    others = sorted((v for v in by_version if v != first.version), key=_numbers, reverse=True)
    return [first, *(by_version[version] for version in others)]


def find_exact(version: str, *, environ: Mapping[str, str], own: Path) -> Path:
    """Return the Python of `version` ("3.11.7") on this machine, else the newest of the same minor version.

    `own` is the Python of the caller, asked first: the machine is looked over only when it is another version.

    Raises FailedPrecondition (INTERPRETER_NOT_FOUND) that names what to install.
    """
    mine = _asked(own, environ)
    if mine is not None and mine.version == version:
        return mine.base
    known = discover_interpreters(environ, own)
    minor = version.split(".")[:2]
    near = [one for one in known if one.final and one.version.split(".")[:2] == minor]
    if not near:
        there = ", ".join(one.version for one in known)
        message = f"Python {version} is not on this machine. {advice('.'.join(minor))} and try again. Found: {there}"
        raise FailedPrecondition(message, reason=NOT_FOUND)
    return max(near, key=lambda one: (one.version == version, _numbers(one.version))).base


def advice(minor: str) -> str:
    """Return how to get a Python of a minor version, as the begin of a sentence."""
    return f"Install it (`uv python install {minor}`, `pyenv install {minor}` or your distribution's python{minor})"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _asked(path: Path, environ: Mapping[str, str]) -> Interpreter | None:
    try:
        return inspect_interpreter(path, environ=environ, packages=False)
    except FailedPrecondition:
        return None


def _from_uv(environ: Mapping[str, str]) -> list[Path]:
    """Ask uv for its own Pythons and those on PATH, but pyenv's shims, slow scripts for what is found anyway."""
    arguments = ("python", "list", "--only-installed", "--no-python-downloads", "--output-format", "json")
    path = os.pathsep.join(one for one in environ.get("PATH", "").split(os.pathsep) if not one.endswith("/shims"))
    try:
        finished = uv.run(arguments, environ={**environ, "PATH": path}, cwd=Path("/"), timeout=30)
        rows = json.loads(finished.output)
        return [Path(row["path"]) for row in rows if row["implementation"] == "cpython" and row["path"]]
    except (OrrisError, OSError, ValueError, KeyError, TypeError):
        return []


def _from_pyenv(environ: Mapping[str, str]) -> Iterator[Path]:
    root = environ.get("PYENV_ROOT") or str(Path(environ.get("HOME", "/")) / ".pyenv")
    return Path(root).glob("versions/3.*/bin/python")


def _from_conda(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "/"))
    prefixes = [home / name for name in _CONDA_FOLDERS] + [Path("/opt/conda")]
    prefixes += [Path(environ["CONDA_PREFIX"])] if environ.get("CONDA_PREFIX") else []
    prefixes += [Path(environ["CONDA_EXE"]).parents[1]] if environ.get("CONDA_EXE") else []
    for prefix in prefixes:
        yield from (path for path in (prefix / "bin" / "python",) if path.exists())
        yield from prefix.glob("envs/*/bin/python")
