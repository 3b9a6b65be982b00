"""A run's folder goes, whatever the run has made of it."""

import os
from pathlib import Path

from orris_agent.removal import remove_tree


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").exists()


def test_folders_that_nobody_may_enter_go(tmp_path: Path) -> None:
    closed = tmp_path / "run" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    closed.chmod(0)
    remove_tree(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_thousands_of_folders_in_each_other_go(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    current = os.open(tmp_path / "run", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=current)
        deeper = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = deeper
    os.close(current)
    remove_tree(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "run")
