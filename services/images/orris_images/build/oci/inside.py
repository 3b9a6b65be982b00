"""An environment made in a container of the base: where packages are built from source, or no Python here fits.

What it needs to reach an index (certificates, proxies, credentials) is put into the container, which is thrown away:
nothing but the environment comes out of it.
"""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uv as uv_program

from orris.errors import OrrisError
from orris_images.build.oci.bases import Base
from orris_images.build.oci.config import ENVIRONMENT
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.trust import certificates
from orris_images.lock import Lock
from orris_kit import uv
from orris_kit.disk_full import engine_disk_full, says_disk_full
from orris_kit.process import LINES_KEPT, Finished, Log

_PLACE = "/orris-build"
_FOREVER = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit()); signal.pause()"
_POLL_SECONDS = 0.1
# Of this machine's folders: they mean nothing in a container.
_LOCAL = ("PATH", "HOME", "TMPDIR", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_PYTHON_INSTALL_DIR", "PYENV_ROOT", "NETRC")


class Inside:
    """Containers of a base, to install in."""

    def __init__(self, engine: Engine, base: Base, environ: Mapping[str, str], log: Log, stop: threading.Event) -> None:
        self._engine, self._base, self._environ, self._log, self._stop = engine, base, environ, log, stop

    def install(self, lock: Lock, folder: Path) -> None:
        """Make the environment of a lock and bring it into `folder`. Raises FailedPrecondition, Unavailable,
        ResourceExhausted (DISK_FULL).
        """
        command = [self._base.path, "-c", _FOREVER]
        with self._engine.container(self._base.id, command, user="0:0", init=True) as container:
            container.start()
            container.put_archive("/", _archive(lock, self._environ))
            with _killed_when(self._stop, container):
                self._uv(container, "venv", "--relocatable", "--no-project", "--python", self._base.path, ENVIRONMENT)
                if lock.requirements.strip():
                    wanted = ("--python", f"{ENVIRONMENT}/bin/python", "--require-hashes", "--no-deps")
                    builds = () if lock.source_builds else ("--no-build",)
                    file = f"{_PLACE}/requirements.txt"
                    self._uv(container, "pip", "install", *wanted, *builds, *lock.index_arguments, "-r", file)
                _extract(container.get_archive(ENVIRONMENT, chunk_size=1024 * 1024)[0], folder)

    def _uv(self, container: Any, *arguments: str) -> None:
        command = [f"{_PLACE}/uv", *arguments, "--color=never", "--no-progress", "--no-config"]
        api = container.client.api
        made = api.exec_create(container.id, command, environment=self._surroundings(), workdir=_PLACE)["Id"]
        said: list[str] = []
        for line in _lines(api.exec_start(made, stream=True)):
            said.append(uv.redact(line, self._environ))
            self._log(said[-1])
        code = api.exec_inspect(made)["ExitCode"]
        if code != 0:
            finished = Finished(code, "", tuple(said[-LINES_KEPT:]))
            raise _not_installed(finished)

    def _surroundings(self) -> dict[str, str]:
        passed = {name: value for name, value in uv.environment(self._environ).items() if not _is_local(name)}
        links = [one for one in passed.pop("UV_FIND_LINKS", "").split(",") if "://" in one]
        own = {"HOME": _PLACE, "PATH": "/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE": f"{_PLACE}/certificates.pem"}
        return {**passed, **own, **({"UV_FIND_LINKS": ",".join(links)} if links else {})}


def _not_installed(finished: Finished) -> OrrisError:
    """Return why uv failed in a container, whose disk is the engine's."""
    full = any(map(says_disk_full, finished.errors))
    return engine_disk_full(uv.reason(finished)) if full else uv.not_installed(finished)


def _is_local(name: str) -> bool:
    return name in _LOCAL or name.startswith(("XDG_", "SSL_"))


def _archive(lock: Lock, environ: Mapping[str, str]) -> bytes:
    """Return what is put into the container, as a tar archive."""
    files = {
        "uv": Path(uv_program.find_uv_bin()).read_bytes(),
        "requirements.txt": lock.requirements.encode(),
        "certificates.pem": certificates(environ),
    }
    netrc = Path(environ.get("NETRC") or Path(environ.get("HOME", "/")) / ".netrc")
    if netrc.is_file():
        files[".netrc"] = netrc.read_bytes()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{_PLACE.lstrip('/')}/{name}")
            entry.size, entry.mode = len(content), 0o755 if name == "uv" else 0o600
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    left = b""
    for chunk in chunks:
        *whole, left = (left + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip() for line in whole if line.strip())
    if left.strip():
        yield left.decode("utf-8", "replace").rstrip()


def _extract(chunks: Iterator[bytes], folder: Path) -> None:
    """Unpack the environment; what leads out of it is left out: nobody knows what a package's build has done."""
    with tarfile.open(fileobj=_Stream(chunks), mode="r|", bufsize=1024 * 1024) as archive:
        archive.extractall(folder.parent, filter=_inside_only)  # noqa: S202 (each entry is looked at)


def _inside_only(entry: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    try:
        return tarfile.data_filter(entry, folder)
    except tarfile.FilterError:
        return None


class _Stream(io.RawIOBase):
    """Chunks as a file that can be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._left:
            found = next(self._chunks, None)
            if found is None:
                return b""
            self._left = found
        part, self._left = self._left[:size], self._left[size:]
        return part


@contextmanager
def _killed_when(stop: threading.Event, container: Any) -> Iterator[None]:
    """Kill a container as soon as nobody wants it any more; what waits for it then comes back."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            if stop.is_set():
                container.kill()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
