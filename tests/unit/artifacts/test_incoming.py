"""A blob that arrives in pieces, from somebody who may leave at any moment."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orris_artifacts.incoming import Incoming
from orris_artifacts.store.folder import FileWriter, FolderStore
from orris_artifacts.store.port import Bytes

DATA = b"0123456789"
DIGEST = hashlib.sha256(DATA).hexdigest()
SECONDS = 30.0


class SlowWriter:
    """Writes a piece when it is let."""

    def __init__(self, real: FileWriter, begun: threading.Event, go_on: threading.Event) -> None:
        self._real, self._begun, self._go_on = real, begun, go_on

    def write(self, data: Bytes) -> None:
        self._begun.set()
        assert self._go_on.wait(SECONDS)
        self._real.write(data)

    def commit(self, digest: str | None = None) -> None:
        self._real.commit(digest)


class SlowStore(FolderStore):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.go_on = threading.Event(), threading.Event()

    @contextmanager
    def writer(self, key: str) -> Iterator[SlowWriter]:  # type: ignore[override]  # it writes the same, later
        with super().writer(key) as real:
            yield SlowWriter(real, self.begun, self.go_on)


def incoming(store: FolderStore) -> Incoming:
    return Incoming(store, "lab/aa/key", DIGEST, len(DATA), lambda: None)


def open_files(folder: Path) -> list[str]:
    links = (f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd"))
    return [target for link in links if os.path.lexists(link) and (target := os.readlink(link)).startswith(str(folder))]


def test_a_piece_on_its_way_never_goes_into_a_file_that_came_later(tmp_path: Path) -> None:
    """A file that is closed under who writes gives its number to the next one that is opened."""
    store = SlowStore(tmp_path)
    first = incoming(store)
    writing = threading.Thread(target=first.write, args=(DATA,))
    writing.start()
    assert store.begun.wait(SECONDS)
    leaving = threading.Thread(target=first.close)
    leaving.start()
    leaving.join(0.2)
    assert leaving.is_alive(), "closed while a piece was being written"
    store.go_on.set()
    writing.join(SECONDS)
    leaving.join(SECONDS)
    assert open_files(tmp_path) == os.listdir(tmp_path / ".incoming") == []


@pytest.mark.parametrize("late", [lambda each: each.write(DATA), Incoming.commit], ids=["write", "commit"])
def test_what_comes_after_the_end_is_not_taken(tmp_path: Path, late: object) -> None:
    store = FolderStore(tmp_path)
    left = incoming(store)
    left.close()
    assert callable(late)
    late(left)
    assert open_files(tmp_path) == os.listdir(tmp_path / ".incoming") == []
    assert list(store.list("")) == []


def test_who_leaves_before_the_first_piece_leaves_no_file_open(tmp_path: Path) -> None:
    """Also when nobody was left to close it: the call was canceled while it was being begun."""
    incoming(FolderStore(tmp_path))
    assert open_files(tmp_path) == os.listdir(tmp_path / ".incoming") == []


def test_a_blob_of_nothing_is_stored(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with closing(Incoming(store, "lab/aa/none", hashlib.sha256(b"").hexdigest(), 0, lambda: None)) as made:
        made.commit()
    assert store.read("lab/aa/none") == b""
