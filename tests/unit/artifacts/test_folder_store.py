"""What a folder as a store does besides the contract: nothing half written is ever seen."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orris.errors import DataLoss, NotFound, ResourceExhausted
from orris_artifacts.store.folder import FolderStore

DATA = b"0123456789" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()

# Dies as `kill -9` would, in the middle of a write.
DYING = """
import os, signal, sys
from pathlib import Path
from orris_artifacts.store import folder
real = os.write
def half(descriptor, data):
    real(descriptor, bytes(data)[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
store = folder.FolderStore(Path(sys.argv[1]))
folder.os.write = half
store.put("lab", {sys.argv[2]: b"0123456789" * 1000})
"""


def incoming(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


def test_a_process_killed_while_it_writes_leaves_no_blob(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), DIGEST], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(incoming(tmp_path)) == 1
    store = FolderStore(tmp_path)
    assert store.sizes("lab", [DIGEST]) == {}
    with pytest.raises(NotFound):
        store.read("lab", DIGEST)


def test_what_a_killed_process_left_is_removed_an_hour_later(tmp_path: Path) -> None:
    FolderStore(tmp_path)
    left = tmp_path / ".incoming" / "left"
    left.write_bytes(b"half")
    begin = left.stat().st_mtime
    FolderStore(tmp_path, clock=lambda: begin + 3599)
    assert left.exists()
    FolderStore(tmp_path, clock=lambda: begin + 3601)
    assert not left.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    store = FolderStore(tmp_path)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ResourceExhausted) as caught:
        store.put("lab", {DIGEST: DATA})
    assert caught.value.reason == "STORE_FULL"
    assert incoming(tmp_path) == []
    assert store.sizes("lab", [DIGEST]) == {}


def test_a_disk_that_fails_while_syncing_promises_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="input/output"):
        store.put("lab", {DIGEST: DATA})
    assert incoming(tmp_path) == []
    assert store.sizes("lab", [DIGEST]) == {}


def test_files_and_the_folders_that_name_them_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    synced: list[str] = []
    real = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    store.put("lab", {DIGEST: DATA})
    assert Path(synced[0]).parent == tmp_path / ".incoming"
    assert set(synced[1:]) == {str(tmp_path), str(tmp_path / "lab"), str(tmp_path / "lab" / DIGEST[:2])}


def test_only_the_owner_can_read_blobs(tmp_path: Path) -> None:
    FolderStore(tmp_path).put("lab", {DIGEST: DATA})
    path = tmp_path / "lab" / DIGEST[:2] / DIGEST
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_mended_blob_leaves_no_damaged_copy_behind(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("lab", {DIGEST: DATA})
    path = tmp_path / "lab" / DIGEST[:2] / DIGEST
    path.write_bytes(b"?")
    with pytest.raises(DataLoss):
        store.read("lab", DIGEST)
    store.put("lab", {DIGEST: DATA})
    assert list(path.parent.iterdir()) == [path]
