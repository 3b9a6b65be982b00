"""Images from Dockerfiles, made by the engine's own builder."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from orris.errors import Cancelled, FailedPrecondition, NotFound
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.trust import certificates
from orris_images.contexts import Contexts
from orris_images.lock import Lock
from orris_kit import uv
from orris_kit.process import Log

NAME = "orris/dockerfiles"
# Where the machine's certificate authorities are in the context of a Dockerfile that names this file.
CERTIFICATES = "certificates.orris.pem"
# Arguments that every Dockerfile may use without declaring them; they are no part of the image.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
# Arguments that it has to declare, and whose values are in the history of the image: where packages come from.
_INDEXES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INSECURE_HOST",
)  # fmt: skip
_DECLARED = re.compile(r"^\s*ARG\s+([A-Za-z_][A-Za-z0-9_]*)\s*(?:=.*)?$", re.IGNORECASE | re.MULTILINE)
# Where addresses have secrets, beside `user:password@`.
_TOKEN = re.compile(r"\?|/t/[^/]+")
_RUNNING = re.compile(r"---> Running in ([0-9a-f]{12,64})")
_TEXT = "Dockerfile.orris"


def build_dockerfile(
    engine: Engine,
    lock: Lock,
    environ: Mapping[str, str],
    contexts: Contexts | None,
    log: Log,
    cancel: threading.Event | None,
) -> str:
    """Build a lock's Dockerfile; return the image's name. What the engine says goes to `log`.

    Raises FailedPrecondition with the step that failed, Unavailable, Cancelled.
    """
    name = f"{NAME}:{lock.image_id}"
    arguments = build_arguments(lock.dockerfile or "", environ, log)
    options = {"dockerfile": _TEXT, "tag": name, "buildargs": arguments, "labels": {"io.orris.image": lock.image_id}}
    step = container = ""
    try:
        for told in _building(engine, lock, environ, contexts, options, cancel):
            for line in str(told.get("stream", "")).splitlines():
                if line.strip():
                    log(line.rstrip())
                    step = line.strip() if line.startswith("Step ") else step
                    container = found[1] if (found := _RUNNING.fullmatch(line.strip())) else container
    except Cancelled:
        if container:
            engine.end(container)
        raise
    except (FailedPrecondition, NotFound) as error:
        said = error.message.removeprefix("the container engine refuses: ").removeprefix("the container engine: ")
        raise FailedPrecondition(f"the Dockerfile cannot be built: {step}: {said}", reason="BUILD_FAILED") from error
    return name


def build_arguments(text: str, environ: Mapping[str, str], log: Log) -> dict[str, str]:
    """Return what the machine's settings are to a Dockerfile: its proxies, and the indexes that the text declares.

    What holds credentials is left out, which `log` is told: an argument's value can be read in the image.
    """
    known = {**environ, **uv.environment(environ)}
    given = {name: environ[name] for name in _PROXIES if environ.get(name)}
    declared = set(_DECLARED.findall(text))
    for name in _INDEXES:
        if name not in declared or not known.get(name):
            continue
        if uv.redact(known[name], environ) == known[name] and not _TOKEN.search(known[name]):
            given[name] = known[name]
        else:
            log(f"{name} of this machine holds credentials, which would stay in the image: the Dockerfile lacks it")
    return given


def _building(
    engine: Engine, lock: Lock, environ: Mapping[str, str], contexts: Contexts | None, options: Mapping[str, Any],
    cancel: threading.Event | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    with tempfile.TemporaryFile() as file:
        _write_context(file, lock, environ, contexts)
        file.seek(0)
        yield from engine.build(file, cancel, **options)


def _write_context(file: IO[bytes], lock: Lock, environ: Mapping[str, str], contexts: Contexts | None) -> None:
    """Write what the engine gets: the Dockerfile, and the files that it may use.

    Only who names the certificates gets them: with all others a `COPY . .` would leave them in the image.
    """
    content = (lock.dockerfile or "").encode()
    with tarfile.open(fileobj=file, mode="w") as archive:
        if lock.context and contexts is not None:
            with tempfile.TemporaryDirectory(prefix="orris-context-") as folder:
                contexts.fetch(lock.context, Path(folder))
                archive.add(folder, arcname=".", filter=_of_nobody)
        _add(archive, _TEXT, content)
        if CERTIFICATES.encode() in content:
            _add(archive, CERTIFICATES, certificates(environ))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out what differs from one time to the next: so the engine knows the files again."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
