"""Back up a home while its instance runs, so that all in it fits together.

References lead one way: endpoints to models, models to runs, all of them to images and trees, trees to blobs, blobs to
objects. What is referred to is stored first, and nothing is collected while this goes on. So what refers is copied
first: whatever a copy refers to is in what is copied after it. Objects never change.

Environments are not in it: they are made again from their locks.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_standalone import instance
from orris_standalone.backup_writers import Writer, writer_to
from orris_standalone.garbage_hold import Hold, garbage_held

FORMAT = 1
BEGIN, END = "orris-backup.json", "complete.json"
DATABASES = tuple(f"{noun}/{noun}.db" for noun in ("inference", "models", "runs", "images", "artifacts"))
OBJECTS = "artifacts/blobs"
UNFINISHED = ".incoming"
# The key that tokens are signed with, tokens, and where the instance listened.
FILES = ("signing.key", "signing.pub", "user.token", "service.token", "agent.token", "ports.json")
_ELSEWHERE = ("ORRIS_ARTIFACTS_STORE", *(f"ORRIS_{path.partition('/')[0].upper()}_DATABASE" for path in DATABASES))


@dataclass(frozen=True, slots=True)
class Summary:
    """How much a backup has."""

    files: int
    bytes: int


def back_up(home: Path, target: Path, environ: Mapping[str, str]) -> Summary:
    """Write a home into a new file (`.tar`, `.tar.gz`, `.tgz`) or folder; it is there when it is complete.

    Raises FailedPrecondition for a home that has no data, or keeps it elsewhere, and a target that is there already.
    """
    _check(home, target, environ)
    with _quiet(home) as hold, writer_to(target) as writer:
        begun = {"format": FORMAT, "version": instance.version(), "time": time.time()}
        writer.add_bytes(BEGIN, json.dumps(begun).encode())
        _add_databases(home, writer, target.parent)
        for name in FILES:
            if (home / name).exists():
                writer.add(name, home / name)
        for path in _objects(home / OBJECTS):
            hold.renew()
            writer.add(str(path.relative_to(home)), path)
        summary = Summary(writer.files, writer.bytes)
        writer.add_bytes(END, json.dumps(asdict(summary)).encode())
    return summary


def _check(home: Path, target: Path, environ: Mapping[str, str]) -> None:
    if elsewhere := [name for name in _ELSEWHERE if environ.get(name)]:
        message = (
            f"{', '.join(elsewhere)}: data is kept outside of {home}. Back up PostgreSQL with pg_dump, then the bucket "
            "with `mc mirror`, in this order, while no garbage is collected"
        )
        raise FailedPrecondition(message, reason="KEPT_ELSEWHERE")
    if not (home / DATABASES[-1]).exists():
        raise FailedPrecondition(f"there is nothing to back up in {home}", reason="NO_DATA")
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise FailedPrecondition(f"{target} is there already; choose another name", reason="TARGET_EXISTS")


@contextmanager
def _quiet(home: Path) -> Iterator[Hold]:
    """Have nothing collected meanwhile: by an instance that runs, or one that would be started."""
    if instance.is_running(home):
        with garbage_held(home / DATABASES[-1]) as hold:
            yield hold
    else:
        with instance.held(home):
            yield Hold([])


def _add_databases(home: Path, writer: Writer, beside: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".orris-backup-", dir=beside) as folder:  # its mode is 0700
        for name in DATABASES:
            if (home / name).exists():
                copy = Path(folder) / "copy.db"
                copy_database(home / name, copy)
                writer.add(name, copy)
                copy.unlink()


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is at one moment, whoever writes meanwhile."""
    with closing(sqlite3.connect(source, timeout=60)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # all of it in one file


def _objects(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != UNFINISHED)
        yield from (Path(place) / name for name in sorted(names))
