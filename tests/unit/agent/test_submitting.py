"""Which files of a run's folder are the sources of a child that it submits."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris_agent import submitting
from orris_agent.beneath import Beneath


def sources(folder: Path, place: str = "work") -> set[str]:
    return set(submitting._source(Beneath(folder), place))


def test_all_files_count_but_those_that_are_ignored_and_what_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "work" / "data").mkdir(parents=True)
    (tmp_path / "work" / "__pycache__").mkdir()
    for name in ("a.py", "b.csv", "data/c.py", "__pycache__/a.pyc"):
        (tmp_path / "work" / name).write_text("x")
    (tmp_path / "secret").write_text("of the agent")
    (tmp_path / "work" / "link").symlink_to("/etc/passwd")
    assert sources(tmp_path) == {"a.py", "b.csv", "data/c.py"}
    (tmp_path / "work" / ".gitignore").write_text("*.py\n")
    (tmp_path / "work" / ".amlignore").write_text("*.csv\n.*ignore\n")
    assert sources(tmp_path) == {"a.py", "data/c.py"}


@pytest.mark.parametrize("place", ["", "..", "../..", "/etc", "work/../../etc", "absent", "out"])
def test_nothing_is_taken_from_outside(tmp_path: Path, place: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "out").symlink_to(tmp_path)
    (tmp_path / "beside").write_text("x")
    with pytest.raises(InvalidArgument, match="source_directory"):
        submitting._source(Beneath(tmp_path / "run"), place)


@pytest.mark.parametrize(("name", "value"), [("MAX_ENTRIES", 1), ("DEFAULT_LIMIT", 3)])
def test_what_is_too_much_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    for file in ("a.py", "b.py"):
        (tmp_path / file).write_text("xy")
    monkeypatch.setattr(submitting, name, value)
    with pytest.raises(InvalidArgument, match=r"\.amlignore"):
        submitting._source(Beneath(tmp_path), ".")


def test_patterns_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".amlignore").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgument, match=r"\.amlignore"):
        submitting._source(Beneath(tmp_path), ".")
