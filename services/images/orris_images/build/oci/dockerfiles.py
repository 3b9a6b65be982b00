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
from orris_images.contexts import Contexts
from orris_images.lock import Lock
from orris_kit.process import Log

NAME = "orris/dockerfiles"
# Arguments that every Dockerfile may use without declaring them; they are no part of the image.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
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
    arguments = {one: environ[one] for one in _PROXIES if environ.get(one)}
    options = {"dockerfile": _TEXT, "tag": name, "buildargs": arguments, "labels": {"io.orris.image": lock.image_id}}
    step = container = ""
    try:
        for told in _building(engine, lock, contexts, options, cancel):
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


def _building(
    engine: Engine, lock: Lock, contexts: Contexts | None, options: Mapping[str, Any], cancel: threading.Event | None
) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryFile() as file:
        _write_context(file, lock, contexts)
        file.seek(0)
        yield from engine.build(file, cancel, **options)


def _write_context(file: IO[bytes], lock: Lock, contexts: Contexts | None) -> None:
    """Write what the engine gets: the Dockerfile, and the files that it may use."""
    content = (lock.dockerfile or "").encode()
    with tarfile.open(fileobj=file, mode="w") as archive:
        if lock.context and contexts is not None:
            with tempfile.TemporaryDirectory(prefix="orris-context-") as folder:
                contexts.fetch(lock.context, Path(folder))
                archive.add(folder, arcname=".", filter=_of_nobody)
        entry = tarfile.TarInfo(_TEXT)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out what differs from one time to the next: so the engine knows the files again."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry
