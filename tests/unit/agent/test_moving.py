"""How a run gets into the folders of a container that is there already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orris_agent.folder import RunFolder
from orris_agent.runtimes.docker.warm.moving import move_in


def folder(root: Path, **files: str) -> RunFolder:
    made = RunFolder(root, contained=True)
    root.mkdir()
    made.make_parts()
    for path, content in files.items():
        place = root / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return made


def content(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_containers_folders_take_the_place_of_the_runs_with_all_that_the_run_has(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", run__work__main="code", control__deadline="5", lease="secret")
    waiting = folder(tmp_path / "waiting", run__home__cache="of an import")
    mounted = [os.stat(path).st_ino for path in (waiting.own, waiting.control)]
    move_in(run, waiting)
    assert [os.stat(path).st_ino for path in (run.own, run.control)] == mounted
    assert content(run.root) == {
        "control/deadline": "5",
        "lease": "secret",
        "run/home/cache": "of an import",
        "run/work/main": "code",
    }
    assert list(waiting.root.iterdir()) == []


@pytest.mark.parametrize("obstacle", ["run__work__x", "run__files__x"])
def test_where_the_container_has_left_something_in_the_way_the_run_has_its_own_again(
    tmp_path: Path, obstacle: str
) -> None:
    files = {"run__work__main": "code", "run__files__kept": "file", "control__deadline": "5"}
    run, waiting = folder(tmp_path / "run", **files), folder(tmp_path / "waiting", **{obstacle: "in the way"})
    before = content(run.root)
    with pytest.raises(OSError, match="not empty"):
        move_in(run, waiting)
    assert content(run.root) == before
    assert content(waiting.root) == {obstacle.replace("__", "/"): "in the way"}


def test_a_link_that_the_container_has_left_leads_nowhere(tmp_path: Path) -> None:
    """A folder is never moved to where a link says."""
    run, waiting = folder(tmp_path / "run", run__work__main="code"), folder(tmp_path / "waiting")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (waiting.own / "work").symlink_to(elsewhere)
    with pytest.raises(OSError, match="ot a directory"):
        move_in(run, waiting)
    assert content(run.root) == {"run/work/main": "code"}
    assert list(elsewhere.iterdir()) == []
