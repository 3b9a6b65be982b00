"""An instance is a home in use: a lock held by its process, and `instance.json` that tells others how to reach it.

Where what it had started could not be ended with it, `left.txt` says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from orris import errors
from orris_kit.files import replace

LOCK = "instance.lock"
FILE = "instance.json"
LEFT = "left.txt"


@dataclass(frozen=True)
class Instance:
    """How to reach a running instance."""

    pid: int
    address: str
    http_address: str
    token_file: str
    version: str
    started: float


@contextlib.contextmanager
def held(home: Path) -> Iterator[None]:
    """Use a home alone. Raises FailedPrecondition when another process does."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / LOCK).open("a") as lock:
        if not _try_lock(lock.fileno()):
            other = read(home)
            who = f" (process {other.pid}, {other.address})" if other else ""
            raise errors.FailedPrecondition(
                f"An instance is already running in {home}{who}. Use it, stop it with `orris down`, or start another "
                "one in a home of its own: ORRIS_HOME=/another/folder orris up",
                reason="INSTANCE_RUNNING",
            )
        try:
            yield
        finally:
            (home / FILE).unlink(missing_ok=True)


def is_running(home: Path) -> bool:
    """Tell whether a process uses the home. The kernel's lock is the truth: it ends with its process."""
    try:
        with (home / LOCK).open("r") as lock:
            return not _try_lock(lock.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def write(home: Path, instance: Instance) -> None:
    """Tell others how to reach the instance."""
    replace(home / FILE, json.dumps(asdict(instance)).encode() + b"\n", mode=0o600)


def read(home: Path) -> Instance | None:
    """Return how to reach the instance, None while there is none or it is not up yet."""
    try:
        return Instance(**json.loads((home / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_left(home: Path, left: str) -> None:
    """Tell what may go on though the instance has ended; nothing where nothing does."""
    if left:
        replace(home / LEFT, left.encode() + b"\n", mode=0o600)
    else:
        (home / LEFT).unlink(missing_ok=True)


def read_left(home: Path) -> str:
    """Return what may go on though the last instance has ended; empty where nothing does."""
    try:
        return (home / LEFT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def version() -> str:
    """Return the version of this distribution."""
    from importlib.metadata import version as installed

    return installed("orris-standalone")
