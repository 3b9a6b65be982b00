"""Make a home of a backup."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from orris.errors import FailedPrecondition
from orris_kit.changes import Changes
from orris_kit.database import open_database
from orris_runs.core import make_core
from orris_runs.schema import metadata
from orris_runs.store import Store
from orris_standalone.backup import BEGIN, DATABASES, END, FILES, FORMAT, OBJECTS, Summary

_RUNS = "runs/runs.db"


def restore(source: Path, home: Path) -> Summary:
    """Make a new home of a backup; it is there when it is complete.

    What the runs of that moment were doing is lost: those that had begun have failed, the others wait again. Raises
    FailedPrecondition for a home that is not empty, and for what is no backup, not all of one, or of a newer Orris.
    """
    if os.path.lexists(home) and not (home.is_dir() and not any(home.iterdir())):
        raise FailedPrecondition(f"{home} is not empty; restore into a new home", reason="HOME_NOT_EMPTY")
    home.parent.mkdir(parents=True, exist_ok=True)
    partial = home.with_name(f".{home.name}.restoring")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        summary = _unpack(source, partial)
        for name in DATABASES:
            _check_database(partial / name)
        _give_up_leases(partial / _RUNS)
        partial.replace(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return summary


def _unpack(source: Path, folder: Path) -> Summary:
    files, size = 0, 0
    told: dict[str, bytes] = {}
    with _entries(source) as entries:
        for name, stream in entries:
            if name in (BEGIN, END):
                told[name] = stream.read(65_536)
                if name == BEGIN:
                    _check_format(source, told[name])
            elif _belongs(name):
                _write(folder / name, stream)
            else:
                raise FailedPrecondition(f"{source}: {name!r} belongs to no backup", reason="NO_BACKUP")
            if name != END:
                files, size = files + 1, size + (len(told[name]) if name == BEGIN else (folder / name).stat().st_size)
    if BEGIN not in told:
        raise FailedPrecondition(f"{source} is no backup of Orris", reason="NO_BACKUP")
    if json.loads(told.get(END, b"null")) != {"files": files, "bytes": size}:
        raise FailedPrecondition(f"{source} is not complete: use another backup", reason="BACKUP_INCOMPLETE")
    return Summary(files, size)


@contextmanager
def _entries(source: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Give the files of a backup, in no order, with their paths."""
    if source.is_dir():
        yield _files_of(source)
        return
    try:
        with tarfile.open(source, "r:*") as archive:
            yield _members_of(source, archive)
    except (OSError, EOFError, tarfile.TarError) as error:
        message = f"{source} cannot be read as a backup, which is a folder or a tar archive: {error}"
        raise FailedPrecondition(message, reason="NO_BACKUP") from error


def _files_of(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for place, folders, names in os.walk(source):
        folders.sort()
        for name in names:
            path = Path(place) / name
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
                yield str(path.relative_to(source)), stream


def _members_of(source: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in archive:
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            raise FailedPrecondition(f"{source}: {member.name!r} belongs to no backup", reason="NO_BACKUP")
        yield member.name, stream


def _belongs(name: str) -> bool:
    """Tell whether a path is one that a backup has: nothing outside of the home, nothing that is not data."""
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        return False
    return name in DATABASES or name in FILES or (name.startswith(f"{OBJECTS}/") and len(parts) > 2)


def _write(target: Path, stream: IO[bytes]) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        shutil.copyfileobj(stream, written, 1024 * 1024)


def _check_format(source: Path, begun: bytes) -> None:
    try:
        made = json.loads(begun)["format"]
    except (ValueError, KeyError, TypeError):
        made = None
    if not isinstance(made, int):
        raise FailedPrecondition(f"{source} is no backup of Orris", reason="NO_BACKUP")
    if made > FORMAT:
        raise FailedPrecondition(f"{source} was made by a newer Orris: update this one", reason="BACKUP_TOO_NEW")


def _check_database(path: Path) -> None:
    if path.exists():
        try:
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            found = str(error)
        if found != "ok":
            raise FailedPrecondition(f"{path.name} in the backup is damaged: {found}", reason="BACKUP_DAMAGED")


def _give_up_leases(database: Path) -> None:
    """The agent of the new home has none of the runs that the old one's had."""
    if not database.exists():
        return
    engine = open_database(f"sqlite:///{database}", "orris_runs", metadata)
    try:
        make_core(Store(engine, Changes())).leases.give_up_all()
    finally:
        engine.dispose()
