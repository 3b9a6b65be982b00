"""What is uploaded: files and bytes, as they are when they are opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris.sdk.content import BytesContent, Content, FileContent


def test_only_permission_bits_of_the_mode_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"")
    path.chmod(0o4755)
    assert FileContent(path).mode == 0o755


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(InvalidArgument):
            FileContent(tmp_path / name)
    with pytest.raises(NotFound, match="absent"):
        FileContent(tmp_path / "absent")


def test_a_pipe_that_takes_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    content = FileContent(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidArgument, match="no regular file"), content.open():
        pass
    path.unlink()
    with pytest.raises(NotFound, match="any more"), content.open():
        pass


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x")

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    with pytest.raises(FailedPrecondition, match="secret") as caught, FileContent(path).open():
        pass
    assert caught.value.reason == "FILE_UNREADABLE"


@pytest.mark.parametrize("in_memory", [True, False])
def test_ranges_are_read_as_far_as_there_are_bytes(tmp_path: Path, in_memory: bool) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    content: Content = BytesContent(b"0123456789") if in_memory else FileContent(tmp_path / "f")
    with content.open() as file:
        assert file.size == content.size == 10
        assert (file.read(0, 4), file.read(4, 4), file.read(8, 4), file.read(10, 4)) == (b"0123", b"4567", b"89", b"")


def test_an_open_file_stays_the_same_while_another_takes_its_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    content = FileContent(path)
    with content.open() as file:
        (tmp_path / "new").write_bytes(b"newer")
        (tmp_path / "new").replace(path)
        assert file.read(0, 10) == b"old"
        assert file.place == content.place != content.anew().place
    assert content.anew().size == 5
