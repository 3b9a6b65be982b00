"""Downloads stay in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orris.errors import DataLoss, FailedPrecondition
from orris.sdk.target_folder import TargetFolder, write_at


def write(folder: Path, path: str, data: bytes = b"new", mode: int = 0o644) -> None:
    with TargetFolder(folder) as target, target.file(path, mode) as descriptor:
        write_at(descriptor, data, 0)


@pytest.mark.parametrize("path", ["", "/etc/x", "../x", "a/../../x", "..", "a//b", "./a", "a\0b", "..\\x", "a/.."])
def test_a_path_out_of_the_folder_is_refused_whatever_the_server_says(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataLoss):
        write(tmp_path / "into", path)
    assert list((tmp_path / "into").rglob("*")) == []
    assert sorted(tmp_path.iterdir()) == [tmp_path / "into"]


@pytest.mark.parametrize("path", ["link/x", "link/sub/x", "a/link/x"])
def test_a_link_to_a_folder_is_not_entered(tmp_path: Path, path: str) -> None:
    into, outside = tmp_path / "into", tmp_path / "outside"
    outside.mkdir()
    (into / "a").mkdir(parents=True)
    (into / "link").symlink_to(outside)
    (into / "a" / "link").symlink_to(outside)
    with pytest.raises(FailedPrecondition, match="link"):
        write(into, path)
    assert list(outside.iterdir()) == []


def test_a_link_where_the_file_goes_is_replaced_not_written_through(tmp_path: Path) -> None:
    into, outside = tmp_path / "into", tmp_path / "outside"
    outside.write_bytes(b"old")
    into.mkdir()
    (into / "f").symlink_to(outside)
    write(into, "f")
    assert outside.read_bytes() == b"old"
    assert (into / "f").read_bytes() == b"new"
    assert not (into / "f").is_symlink()


def test_a_file_or_folder_in_the_way_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a/f")
    with pytest.raises(FailedPrecondition, match="a/f"):
        write(tmp_path, "a/f/g")
    with pytest.raises(FailedPrecondition, match="/a is a folder"):
        write(tmp_path, "a")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["f"]


def test_a_file_appears_when_it_is_complete_with_its_mode(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        with TargetFolder(tmp_path) as target, target.file("f", 0o755) as descriptor:
            write_at(descriptor, b"half", 0)
            assert not (tmp_path / "f").exists()
    finally:
        os.umask(old)
    assert (tmp_path / "f").stat().st_mode & 0o7777 == 0o755


def test_special_bits_are_never_set(tmp_path: Path) -> None:
    write(tmp_path, "f", mode=0o7777)
    assert (tmp_path / "f").stat().st_mode & 0o7777 == 0o777


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(KeyError), TargetFolder(tmp_path) as target, target.file("f", 0o644):
        raise KeyError
    assert (tmp_path / "f").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]
