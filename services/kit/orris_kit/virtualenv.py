"""Make a virtual environment from a lock, once, wherever on a machine it is asked for.

An environment is made under another name and renamed when complete, so `<environments>/<image id>` either holds
everything or is not there. `orris-image.json` is written last: an environment that has it is ready.
"""

import ctypes
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from orris.errors import FailedPrecondition, Unavailable
from orris_kit import uv
from orris_kit.file_lock import alone
from orris_kit.process import Finished, Log

MARKER = "orris-image.json"

# How uv puts the files of its cache into an environment. "clone": reflinks where the file system has them, else hard
# links; "copy": nothing shared with the cache, at five to ten times the time.
LinkMode = Literal["clone", "copy"]


def is_ready(folder: Path) -> bool:
    """Tell whether the environment in `folder` is complete."""
    return (folder / MARKER).is_file()


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in `folder`."""
    return folder / "bin" / "python"


def make(
    folder: Path,
    interpreter: Path,
    requirements: str,
    image_id: str,
    log: Log,
    *,
    environ: Mapping[str, str],
    link_mode: LinkMode = "clone",
    compile_bytecode: bool = False,
    allow_source_builds: bool = False,
    index_arguments: Sequence[str] = (),
    timeout: float = 1800,
    cancel: threading.Event | None = None,
) -> Path:
    """Make `folder` (its name is the image id) from `interpreter` and hashed `requirements`, unless it is ready;
    return it.

    Many may ask at once, threads and processes: one makes, the others wait. uv's progress goes to `log`. `timeout` is
    in seconds.

    Raises FailedPrecondition when the lock cannot be installed, Unavailable when an index did not answer,
    DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
    """
    if is_ready(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder, log, timeout, cancel) as lock:
        if is_ready(folder):
            return folder
        _sweep(folder)
        work = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
        started = time.monotonic()
        options = ["--link-mode", link_mode]
        options += ["--compile-bytecode"] if compile_bytecode else []
        options += [] if allow_source_builds else ["--no-build"]
        try:
            _fill(
                _Calls(work, environ, timeout, log, cancel, lock),
                interpreter,
                requirements,
                [*options, *index_arguments],
            )
            _finish(work, folder, image_id)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        log(f"environment {image_id} made in {time.monotonic() - started:.1f} s")
    return folder


class _Calls:
    """The calls of uv that make one environment: they share its folder, one allowance of time, and its lock.

    A uv whose caller was killed works on for a while; until it ends, the lock is its own.
    """

    def __init__(
        self, work: Path, environ: Mapping[str, str], timeout: float, log: Log, cancel: threading.Event | None,
        lock: int,
    ) -> None:  # fmt: skip
        self.work, self.environ, self.cancel, self.lock = work, environ, cancel, lock
        self.log = lambda line: (
            None if work.name in line else log(line)
        )  # its name while it is made tells nobody anything
        self.end = time.monotonic() + timeout

    def uv(self, *arguments: str) -> None:
        left = max(1.0, self.end - time.monotonic())
        finished = uv.run(
            arguments, environ=self.environ, cwd=self.work.parent, timeout=left, log=self.log, cancel=self.cancel,
            pass_fds=(self.lock,),
        )  # fmt: skip
        if finished.exit_code != 0:
            raise _error(finished)


def _error(finished: Finished) -> Exception:
    kind = Unavailable if uv.unreachable(finished) else FailedPrecondition
    return kind(f"its packages cannot be installed: {uv.reason(finished)}")


def _fill(calls: _Calls, interpreter: Path, requirements: str, options: Sequence[str]) -> None:
    work = calls.work
    calls.uv("venv", "--quiet", "--relocatable", "--no-project", "--python", str(interpreter), str(work))
    if not requirements.strip():
        return
    lock = work / "requirements.txt"
    lock.write_text(requirements, encoding="utf-8")
    wanted = ("--python", str(python_of(work)), "--require-hashes", "--no-deps", "--requirements", str(lock))
    calls.uv("pip", "install", *wanted, *options)


def _finish(work: Path, folder: Path, image_id: str) -> None:
    marker = work / MARKER
    (work / ".lock").unlink(missing_ok=True)  # uv's, writable by everybody
    _sync_file_system(work)
    with marker.open("w", encoding="utf-8") as file:
        json.dump({"image_id": image_id, "made_time": time.time()}, file)
        file.flush()
        os.fsync(file.fileno())
    work.rename(folder)
    _sync_folder(folder.parent)


def _sync_file_system(path: Path) -> None:
    """Flush the file system `path` is on: after a power failure the marker must not stand beside empty files."""
    folder = os.open(path, os.O_RDONLY)
    try:
        ctypes.CDLL(None).syncfs(folder)
    except AttributeError:  # no syncfs outside Linux
        os.sync()
    finally:
        os.close(folder)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(folder: Path) -> None:
    """Remove what makers that died left of this environment; its lock is held, so none of it is in use."""
    for left in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    if folder.exists():
        gone = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
