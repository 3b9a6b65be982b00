"""Base images: what Python is in them, asked once for each."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orris.errors import FailedPrecondition, NotFound
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.names import registry_of, split_reference
from orris_images.build.oci.settings import OciSettings
from orris_kit import files
from orris_kit.process import Log

# Runs in a container of the image, with any Python from 3.6 on.
_QUESTION = """
import json, os, platform, sys, sysconfig
real = os.path.realpath(sys.executable)
print(json.dumps({
    "path": real if os.path.isfile(real) else sys.executable,
    "executable": sys.executable,
    "version": ".".join(map(str, sys.version_info[:3])),
    "implementation": platform.python_implementation().lower(),
    "platform": sysconfig.get_platform(),
    "libc": "-".join(platform.libc_ver()) if platform.libc_ver()[0] == "glibc" else "musl",
}))
"""
_ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Base:
    """A base image: its id in the engine, its Python, its layers, and what its containers are started with.

    `name` is what it is asked for by, `pinned` the same with a digest where it has one. `executable` is the Python that
    was asked for, perhaps that of a virtual environment; `path` is the one below it.
    """

    name: str
    pinned: str
    id: str
    path: str
    executable: str
    version: str
    platform: str
    libc: str
    diff_ids: tuple[str, ...]
    architecture: str
    environment: tuple[str, ...]
    size: int

    @property
    def minor(self) -> str:
        """The minor version of its Python, for example "3.11"."""
        return ".".join(self.version.split(".")[:2])

    @property
    def digest(self) -> str:
        """The digest that its registry knows it by, else its id in the engine."""
        return self.pinned.rpartition("@")[2]

    @property
    def uv_platform(self) -> str:
        """What uv calls the platform: wheels for it run on the base."""
        machine = self.platform.partition("-")[2].removesuffix("-musl")
        kind, _, version = self.libc.partition("-")
        return (
            f"{machine}-manylinux_{version.replace('.', '_')}" if kind == "glibc" else f"{machine}-unknown-linux-musl"
        )


class Bases:
    """The base images of an engine; what they answered is kept in `folder` by their ids."""

    def __init__(self, engine: Engine, settings: OciSettings, folder: Path) -> None:
        self._engine, self._settings, self._folder = engine, settings, folder
        self._asking = threading.Lock()

    def default(self, log: Log) -> list[Base]:
        """Return the service's own, in the order in which they are chosen from."""
        return [self.get(name, "python3", log) for name in self._settings.base_images]

    def get(self, name: str, interpreter: str, log: Log, cancel: threading.Event | None = None) -> Base:
        """Return a base image, pulled where the engine does not have it.

        Raises FailedPrecondition (BASE_IMAGE_NOT_FOUND) when there is none, or no Python in it; Unavailable.
        """
        found = self._inspected(name, log, cancel)
        with self._asking:
            answer = self._answer(name, str(found["Id"]), interpreter)
        return _base(name, found, answer)

    def _inspected(self, name: str, log: Log, cancel: threading.Event | None) -> dict[str, Any]:
        try:
            return self._engine.inspect(name)
        except NotFound:
            pass
        try:
            self._engine.pull(name, self._settings.credentials_for(registry_of(name)), log, cancel)
            return self._engine.inspect(name)
        except (NotFound, FailedPrecondition) as error:
            message = f"there is no base image {name}: {error.message}"
            raise FailedPrecondition(message, reason="BASE_IMAGE_NOT_FOUND") from error

    def _answer(self, name: str, image: str, interpreter: str) -> dict[str, str]:
        kept = self._folder / f"{image.removeprefix('sha256:')}-{interpreter.replace('/', '_')}.json"
        with suppress(OSError, ValueError):
            found: dict[str, str] = json.loads(kept.read_text())
            return found
        told = ask(self._engine, name, image, interpreter)
        files.replace(kept, json.dumps(told).encode())
        return told


def ask(engine: Engine, name: str, image: str, interpreter: str) -> dict[str, str]:
    """Ask the Python of an image what it is. Raises FailedPrecondition (NO_PYTHON_IN_IMAGE)."""
    command = [interpreter, "-I", "-B", "-c", _QUESTION]
    try:
        with engine.container(image, command, network_disabled=True, user="0:0") as container:
            container.start()
            code = container.wait(timeout=_ANSWER_SECONDS)["StatusCode"]
            text = container.logs(stdout=True, stderr=code != 0).decode("utf-8", "replace").strip()
        told = json.loads(text.splitlines()[-1]) if code == 0 and text else {}
    except (FailedPrecondition, NotFound, ValueError) as error:
        code, text, told = 127, str(error), {}
    if told.get("implementation") != "cpython" or not PurePosixPath(told["path"]).is_absolute():
        said = text.splitlines()[-1] if text else f"it ended with code {code}"
        message = f"there is no Python that runs as {interpreter!r} in the image {name}: {said}"
        raise FailedPrecondition(message, reason="NO_PYTHON_IN_IMAGE")
    return {key: str(value) for key, value in told.items()}


def _base(name: str, found: dict[str, Any], answer: dict[str, str]) -> Base:
    config = found.get("Config") or {}
    libc, platform = answer["libc"], answer["platform"]
    return Base(
        name=name,
        pinned=_pinned(name, found),
        id=str(found["Id"]),
        path=answer["path"],
        executable=answer["executable"],
        version=answer["version"],
        platform=platform if libc.startswith("glibc") else f"{platform}-musl",
        libc=libc,
        diff_ids=tuple(found["RootFS"]["Layers"]),
        architecture=str(found["Architecture"]),
        environment=tuple(config.get("Env") or ()),
        size=int(found["Size"]),
    )


def _pinned(name: str, found: dict[str, Any]) -> str:
    """Return the name with its digest; what no registry has is known by the id that its engine gives it."""
    digests: Sequence[str] = found.get("RepoDigests") or ()
    path = split_reference(name)[0]
    return next((each for each in digests if split_reference(each)[0] == path), str(found["Id"]))


def as_text(base: Base) -> str:
    """Return a base for the log."""
    return f"{base.name}: Python {base.version}, {base.platform}, {base.libc}"
