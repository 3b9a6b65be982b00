"""The folder of an environment: made once, wherever on a machine it is asked for, and there as a whole or not at all.

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
from collections.abc import Callable
from pathlib import Path

from orris_kit.file_lock import alone
from orris_kit.process import Log

MARKER = "orris-image.json"

# Fills the folder that it is given. The descriptor holds the lock of the environment, for programs that should hold it
# longer than their caller lives.
Fill = Callable[[Path, int], None]


def is_ready(folder: Path) -> bool:
    """Tell whether the environment in `folder` is complete."""
    return (folder / MARKER).is_file()


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in `folder`."""
    return folder / "bin" / "python"


def make_once(
    folder: Path, image_id: str, fill: Fill, log: Log, timeout: float, cancel: threading.Event | None
) -> Path:
    """Let `fill` make what is in `folder`, unless it is ready; return it. `timeout` is in seconds.

    Many may ask at once, threads and processes: one makes, the others wait.

    Raises DeadlineExceeded when the wait was too long, Cancelled when `cancel` was set, and what `fill` raises.
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
        try:
            fill(work, lock)
            _finish(work, folder, image_id)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        log(f"environment {image_id} made in {time.monotonic() - started:.1f} s")
    return folder


def remove(folder: Path) -> None:
    """Remove the environment in `folder`, at once for who looks for it; one that is not there is no error."""
    gone = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def _finish(work: Path, folder: Path, image_id: str) -> None:
    marker = work / MARKER
    marker.unlink(missing_ok=True)  # what a package calls so may be a link to its file in a cache
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
