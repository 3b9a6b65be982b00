"""What is on its way lies on the disk under no name, and a disk that does not take it is named."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted
from orris_artifacts.store.spool import HashingSpool, Spool, check_folder
from tests.servers.small_disk import files_of_at_most

MIB = 1024 * 1024
DATA = os.urandom(3 * MIB + 5)

KILLED = """
import os, signal, sys
from pathlib import Path
from orris_artifacts.store.spool import Spool
spool = Spool(Path(sys.argv[1]))
for _ in range(3):
    spool.append(bytes(1024 * 1024))
print(len([each for each in os.listdir("/proc/self/fd") if sys.argv[1] in os.path.realpath(f"/proc/self/fd/{each}")]))
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def open_in(folder: Path) -> list[Path]:
    links = (Path(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd"))
    return [link for link in links if os.path.lexists(link) and os.readlink(link).startswith(f"{folder}/")]


def fill(spool: Spool, data: bytes = DATA, piece: int = MIB) -> None:
    for begin in range(0, len(data), piece):
        spool.append(data[begin : begin + piece])


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, len(DATA)])
@pytest.mark.parametrize("piece", [1000, 300_000, MIB])
def test_what_was_taken_is_given_as_often_as_wanted(tmp_path: Path, size: int, piece: int) -> None:
    data = DATA[:size]
    with closing(HashingSpool(tmp_path)) as spool:
        fill(spool, data, piece)
        assert (spool.size, spool.digest) == (size, hashlib.sha256(data).hexdigest())
        for _ in range(2):
            assert b"".join(map(bytes, spool)) == data
            assert b"".join(spool.pieces()) == data
            assert b"".join(spool.pieces(size // 2, 70_000)) == data[size // 2 :][:70_000]


def test_up_to_a_mebibyte_is_in_memory_and_more_in_a_file_without_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "spool"
    with closing(Spool(folder)) as spool:
        spool.append(bytes(MIB))
        assert open_in(folder) == []
        spool.append(b"x")
        (link,) = open_in(folder)
        assert list(folder.iterdir()) == []
        assert stat.S_IMODE(link.stat().st_mode) == 0o600
        assert link.stat().st_size == MIB + 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert open_in(folder) == []


@pytest.mark.parametrize("before", [100, 2 * MIB])
@pytest.mark.parametrize("after", [b"", b"short", DATA])
def test_it_begins_anew(tmp_path: Path, before: int, after: bytes) -> None:
    """An answer that broke off is asked for again: nothing of the first one is left."""
    with closing(HashingSpool(tmp_path)) as spool:
        fill(spool, bytes(before))
        spool.clear()
        fill(spool, after)
        assert (spool.size, spool.digest) == (len(after), hashlib.sha256(after).hexdigest())
        assert b"".join(map(bytes, spool)) == b"".join(spool.pieces()) == after


def test_a_killed_process_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "1\n")
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_disk_takes_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with closing(Spool(tmp_path)) as spool:
        with files_of_at_most(2 * MIB + 10):
            fill(spool, DATA[: 2 * MIB])
            with pytest.raises(ResourceExhausted, match="ORRIS_ARTIFACTS_SPOOL") as caught:
                spool.append(DATA[2 * MIB :])
        assert caught.value.reason == "STORE_FULL"
        assert str(tmp_path) in caught.value.message
        spool.clear()
        fill(spool)
        assert b"".join(spool.pieces()) == DATA
    assert open_in(tmp_path) == list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (errno.ENOSPC, ResourceExhausted, "STORE_FULL"),
        (errno.EDQUOT, ResourceExhausted, "STORE_FULL"),
        (errno.EROFS, FailedPrecondition, "STORE_REFUSES"),
        (errno.EACCES, FailedPrecondition, "STORE_REFUSES"),
    ],
)
@pytest.mark.parametrize("call", ["open", "write"])
def test_what_hinders_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, error: type[OrrisError], reason: str
) -> None:
    def fails(*args: object, **more: object) -> int:
        raise OSError(code, os.strerror(code))

    with closing(Spool(tmp_path)) as spool, monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(error, match="ORRIS_ARTIFACTS_SPOOL") as caught:
            fill(spool)
    assert caught.value.reason == reason
    assert open_in(tmp_path) == list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_named_before_it_is_needed(tmp_path: Path) -> None:
    check_folder(tmp_path / "spool")
    assert list((tmp_path / "spool").iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(FailedPrecondition, match=f"{path}.*ORRIS_ARTIFACTS_SPOOL.*may write") as caught:
            check_folder(path)
        assert caught.value.reason == "STORE_REFUSES"


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    check_folder(folder)
    folder.rmdir()
    with closing(Spool(folder)) as spool:
        fill(spool)
        assert b"".join(spool.pieces()) == DATA
