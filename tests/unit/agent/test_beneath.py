"""No file from outside of a run's folder is ever read, and nothing but regular files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris_agent.beneath import Beneath
from orris_agent.listing import DEEPEST
from orris_agent.removal import remove_tree

NOT_GIVEN = "leads out|no regular file|too many links|No such file"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A run's folder, with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "run" / "work" / "outputs").mkdir(parents=True)
    (tmp_path / "run" / "work" / "model").write_text("model")
    yield tmp_path / "run"
    remove_tree(tmp_path / "run")  # pytest itself could not: see the test of folders in each other


def content(folder: Beneath, path: str) -> bytes:
    return folder.read(path, 0, 100)


@pytest.mark.parametrize(
    "target",
    ["model", "../work/model", "./outputs/../model", "{root}/work/model", "/orris/run/work/model", "outputs/back"],
)
def test_links_within_the_folder_are_followed(root: Path, target: str) -> None:
    (root / "work" / "outputs" / "back").symlink_to("../model")
    (root / "work" / "link").symlink_to(target.format(root=root))
    folder = Beneath(root, "/orris/run")
    assert content(folder, "work/link") == b"model"
    assert list(folder.files("work")) == ["link", "model", "outputs/back"]


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../../secret", "{root}/../secret", "{root}/work/../../secret", "/orris/runs/x", "link", ""],
)
def test_links_that_lead_out_or_nowhere_are_not(root: Path, target: str) -> None:
    link = root / "work" / "link"
    link.symlink_to(target.format(root=root) or "missing")
    folder = Beneath(root, "/orris/run")
    with pytest.raises(OSError, match=NOT_GIVEN):
        content(folder, "work/link")
    assert list(folder.files("work")) == ["model"]


def test_a_folder_that_is_a_link_out_has_no_files(root: Path) -> None:
    (root / "work" / "logs").symlink_to("/etc")
    folder = Beneath(root)
    assert list(folder.files("work/logs")) == []
    with pytest.raises(OSError, match="leads out"):
        content(folder, "work/logs/passwd")


def test_pipes_sockets_and_devices_are_no_files(root: Path) -> None:
    """Nobody waits for the other end of a pipe, and a device is not even opened."""
    os.mkfifo(root / "work" / "pipe")
    (root / "work" / "null").symlink_to("/dev/null")
    folder = Beneath(root)
    for name in ("work/pipe", "work/null", "work/outputs"):
        with pytest.raises(OSError, match=NOT_GIVEN):
            content(folder, name)
    assert list(folder.files("work")) == ["model"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_not_opened(root: Path) -> None:
    os.mknod(root / "work" / "zero", 0o666 | 0o020000, os.makedev(1, 5))
    with pytest.raises(OSError, match="no regular file"):
        content(Beneath(root), "work/zero")


def test_a_folder_swapped_for_a_link_while_it_is_read_gives_nothing_away(root: Path) -> None:
    """Somebody exchanges `outputs` and a link to the outside as fast as the system can."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    (root / "work" / "outputs" / "file").write_text("model")
    link, folder, stop = root / "work" / "link", Beneath(root), threading.Event()
    link.symlink_to(outside)

    def swap() -> None:
        outputs, aside = root / "work" / "outputs", root / "work" / "aside"
        while not stop.is_set():
            outputs.rename(aside)
            link.rename(outputs)
            outputs.rename(link)
            aside.rename(outputs)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                seen.add(content(folder, "work/outputs/file"))
            except OSError:
                continue
    finally:
        stop.set()
        swapping.join()
    assert seen == {b"model"}


def test_as_many_folders_in_each_other_as_there_may_be(root: Path) -> None:
    """Neither descriptors nor the interpreter's stack run out; the first folder that lies too deep is named."""
    current = os.open(root / "work", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=current)
        deeper = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = deeper
    os.close(current)
    before = len(os.listdir("/proc/self/fd"))
    (root / "work" / "d" / "d" / "file").touch()
    assert list(Beneath(root).files("work")) == ["model", "d/d/file", "/".join("d" * DEEPEST)]
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_stays_open(root: Path) -> None:
    (root / "work" / "out").symlink_to("/etc/passwd")
    folder, before = Beneath(root), len(os.listdir("/proc/self/fd"))
    for path in ("work/model", "work/out", "work/missing", "work/../work/model", "../secret"):
        try:
            content(folder, path)
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before
