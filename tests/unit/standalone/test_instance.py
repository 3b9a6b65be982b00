"""One process uses a home at a time, and the kernel says which."""

import os
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition
from orris_standalone import instance

HERE = instance.Instance(os.getpid(), "127.0.0.1:1", "http://127.0.0.1:2", "/token", "0.1.0", 1.0)


def test_a_second_start_on_the_same_home_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    with instance.held(tmp_path):
        instance.write(tmp_path, HERE)
        with (
            pytest.raises(FailedPrecondition, match=rf"process {os.getpid()}, 127.0.0.1:1.*orris down"),
            instance.held(tmp_path),
        ):
            pass


def test_a_home_is_free_again_afterwards_and_says_nothing(tmp_path: Path) -> None:
    with instance.held(tmp_path):
        instance.write(tmp_path, HERE)
        assert instance.is_running(tmp_path)
    assert not instance.is_running(tmp_path)
    assert instance.read(tmp_path) is None


def test_what_a_killed_instance_left_does_not_pass_for_a_running_one(tmp_path: Path) -> None:
    (tmp_path / instance.LOCK).touch()
    instance.write(tmp_path, HERE)
    assert not instance.is_running(tmp_path)


def test_how_to_reach_it_is_readable_by_its_user_only(tmp_path: Path) -> None:
    instance.write(tmp_path, HERE)
    assert (tmp_path / instance.FILE).stat().st_mode & 0o777 == 0o600
    assert instance.read(tmp_path) == HERE


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1}', "\xff"])
def test_a_damaged_file_is_no_instance(tmp_path: Path, content: str) -> None:
    (tmp_path / instance.FILE).write_text(content, encoding="latin-1")
    assert instance.read(tmp_path) is None
