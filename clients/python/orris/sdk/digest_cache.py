"""Digests that are known from last time: a file whose state is the same is not read again.

One file of JSON for each source folder, behind the SHA-256 of its bytes. Nothing depends on it: one that is damaged,
cannot be read or cannot be written is as good as none. As Git's index, it does not keep what changed so shortly before
it was hashed that a later change could show the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from orris.sdk.content import State

# Timestamps of FAT are the coarsest.
RACY_NS = 2 * 1_000_000_000
UNUSED_SECONDS = 90 * 86_400.0
TOUCH_SECONDS = 86_400.0
MOST_FOLDERS = 200
MOST_FILES = 100_000
MOST_BYTES = 64 * 1024 * 1024
_SUFFIX = ".json"


class DigestCache:
    """The digests of a folder's files, kept in the file at `place` (None: kept nowhere)."""

    def __init__(self, place: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._place = place
        self._clock = clock
        self._now = clock()
        self._known = self._load()
        self._current: dict[str, list[object]] = {}
        self._changed = False

    @classmethod
    def of(cls, folder: str | os.PathLike[str]) -> DigestCache:
        """Return the cache of a source folder."""
        real = os.fsencode(os.path.realpath(folder))
        try:
            return cls(_caches() / f"{hashlib.sha256(real).hexdigest()[:32]}{_SUFFIX}")
        except RuntimeError:  # nobody's home
            return cls(None)

    def find(self, path: str, state: State) -> Sequence[str] | None:
        """Return the digests of a file's chunks, by its path in the folder, if it is in the same state as then."""
        found = self._known.get(path)
        if found is None or tuple(found[:5]) != state:
            return None
        self._current[path] = found
        return found[5:]  # type: ignore[return-value]  # only `keep` writes there

    def keep(self, path: str, state: State, digests: Sequence[str]) -> None:
        """Note the digests of a file's chunks; `state` was looked at after this cache was made, before hashing."""
        if max(state[3:]) < self._now * 1e9 - RACY_NS and len(self._current) < MOST_FILES:
            self._current[path] = [*state, *digests]
            self._changed = True

    def save(self) -> None:
        """Write what was found and noted, if that is new; drop caches that were not used for long."""
        if self._place is None:
            return
        with suppress(OSError):
            if self._changed:
                self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(self._place, json.dumps(self._current, separators=(",", ":")).encode())
                self._changed = False
                self._prune(self._place.parent)
            elif self._place.stat().st_mtime < self._now - TOUCH_SECONDS:
                os.utime(self._place)

    def _load(self) -> dict[str, list[object]]:
        if self._place is None:
            return {}
        try:
            with self._place.open("rb") as file:
                found = os.fstat(file.fileno())
                # Who can write here could pass off other files as ours.
                if found.st_uid != os.geteuid() or found.st_mode & 0o022 or found.st_size > MOST_BYTES:
                    return {}
                seal, content = file.readline().strip(), file.read()
        except OSError:
            return {}
        return json.loads(content) if _seal(content) == seal else {}

    def _prune(self, folder: Path) -> None:
        files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime, reverse=True)
        for number, file in enumerate(files):
            if number >= MOST_FOLDERS or file.stat().st_mtime < self._clock() - UNUSED_SECONDS:
                file.unlink()


def _caches() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG Base Directory specification: a relative path there is to be ignored.
    return (Path(caches) if os.path.isabs(caches) else Path.home() / ".cache") / "orris" / "digests"


def _seal(content: bytes) -> bytes:
    """Return what stands before the content of a cache of this form."""
    return hashlib.sha256(b"orris digests 1\n" + content).hexdigest().encode()


def _write(place: Path, content: bytes) -> None:
    """Replace a file at once; whoever reads it sees the old bytes or the new ones."""
    beside = place.with_name(f".{os.urandom(8).hex()}{_SUFFIX}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(_seal(content) + b"\n" + content)
        os.replace(beside, place)
    except BaseException:
        os.unlink(beside)
        raise
