"""What a folder as a store does besides the contract: nothing half written is ever seen."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted, Unavailable
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import ObjectLost

DATA = b"0123456789" * 1000
KEY = "lab/ab/object"

# Dies as `kill -9` would, in the middle of a write.
DYING = """
import os, signal, sys
from pathlib import Path
from orris_artifacts.store import disk, folder
real = os.write
def half(descriptor, data):
    real(descriptor, bytes(data)[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
store = folder.FolderStore(Path(sys.argv[1]))
disk.os.write = half
store.put("lab/ab/object", b"0123456789" * 1000)
"""


def incoming(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


def failing(code: int) -> Callable[..., int]:
    def fails(*args: object) -> int:
        raise OSError(code, os.strerror(code))

    return fails


def test_a_process_killed_while_it_writes_leaves_no_object(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(incoming(tmp_path)) == 1
    store = FolderStore(tmp_path)
    assert store.size(KEY) is None
    assert list(store.list("")) == []
    with pytest.raises(ObjectLost):
        store.read(KEY)


def test_what_a_killed_process_left_is_removed_an_hour_later(tmp_path: Path) -> None:
    FolderStore(tmp_path)
    left = tmp_path / ".incoming" / "left"
    left.write_bytes(b"half")
    begin = left.stat().st_mtime
    FolderStore(tmp_path, clock=lambda: begin + 3599)
    assert left.exists()
    FolderStore(tmp_path, clock=lambda: begin + 3601)
    assert not left.exists()


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir"])
@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (errno.ENOSPC, ResourceExhausted, "STORE_FULL"),
        (errno.EDQUOT, ResourceExhausted, "STORE_FULL"),
        (errno.EFBIG, ResourceExhausted, "STORE_FULL"),
        (errno.EROFS, FailedPrecondition, "STORE_REFUSES"),
        (errno.EACCES, FailedPrecondition, "STORE_REFUSES"),
        (errno.ESTALE, Unavailable, "STORE_UNREACHABLE"),
    ],
)
def test_what_hinders_a_put_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, error: type[OrrisError], reason: str
) -> None:
    store = FolderStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(code))
        with pytest.raises(error, match=str(tmp_path)) as caught:
            store.put(KEY, DATA)
    assert caught.value.reason == reason
    assert incoming(tmp_path) == []
    assert store.size(KEY) is None
    store.put(KEY, DATA)
    assert store.read(KEY) == DATA


def test_a_disk_that_fails_while_syncing_promises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        store.put(KEY, DATA)
    assert incoming(tmp_path) == []
    assert store.size(KEY) is None


def test_files_and_the_folders_that_name_them_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    synced: list[Path] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    store.put(KEY, DATA)
    assert synced[0].parent == tmp_path / ".incoming"
    assert set(synced[1:]) == {tmp_path, tmp_path / "lab", tmp_path / "lab" / "ab"}
    assert synced[-1] == tmp_path / "lab" / "ab"


def test_a_folder_that_another_process_made_is_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That process may have been killed between making and syncing it."""
    store = FolderStore(tmp_path)
    (tmp_path / "lab" / "ab").mkdir(parents=True)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    store.put(KEY, DATA)
    assert {str(tmp_path), str(tmp_path / "lab")} <= set(synced)


def test_only_the_owner_can_read_objects(tmp_path: Path) -> None:
    FolderStore(tmp_path / "store").put(KEY, DATA)
    made = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    assert len(made) == 5
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)


def test_an_object_that_the_disk_cannot_read_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    store.put(KEY, DATA)

    with closing(store.open(KEY, 0, len(DATA))) as content, monkeypatch.context() as patch:
        for call in ("pread", "preadv"):
            patch.setattr(os, call, failing(errno.EIO))
        for read in (lambda: store.read(KEY), lambda: [*content.pieces()], lambda: content.digest):
            with pytest.raises(ObjectLost, match="disk cannot read"):
                read()


def test_an_object_that_was_cut_short_is_lost(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(KEY, DATA)
    os.truncate(tmp_path / KEY, 5)
    with closing(store.open(KEY, 4, 4)) as content:
        for read in (lambda: store.read(KEY, 4, 4), lambda: [*content.pieces()], lambda: content.digest):
            with pytest.raises(ObjectLost, match="ends 3 bytes too early"):
                read()


def test_nothing_is_lost_while_the_disk_is_not_mounted(tmp_path: Path) -> None:
    """The folder is then empty, and would be filled with objects that are hidden once the disk is back."""
    root = tmp_path / "store"
    store = FolderStore(root)
    store.put(KEY, DATA)
    root.rename(tmp_path / "elsewhere")
    root.mkdir()
    for ask in (
        lambda: store.read(KEY),
        lambda: store.size(KEY),
        lambda: store.put("lab/ab/other", DATA),
        lambda: store.delete([KEY]),
        lambda: list(store.list("lab/")),
    ):
        with pytest.raises(Unavailable, match="mount") as caught:
            ask()
        assert caught.value.reason == "STORE_UNREACHABLE"
    assert list(root.iterdir()) == []
    root.rmdir()
    (tmp_path / "elsewhere").rename(root)
    assert store.read(KEY) == DATA


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(KEY, DATA)
    shutil.rmtree(tmp_path / "lab")
    store.put(KEY, DATA)
    assert store.read(KEY) == DATA


@pytest.mark.parametrize("path", ["file", "file/store"])
def test_a_root_that_is_no_folder_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FailedPrecondition, match=f"{path} cannot be used") as caught:
        FolderStore(tmp_path / path)
    assert caught.value.reason == "STORE_REFUSES"


def test_links_are_no_objects(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    store.put(KEY, DATA)
    (tmp_path / "store" / "lab" / "round").symlink_to(tmp_path / "store")
    assert [each.key for each in store.list("")] == [KEY]
