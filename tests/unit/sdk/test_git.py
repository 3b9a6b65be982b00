"""Where a script came from is recorded, but never a password."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orris.sdk import git as asking
from orris.sdk.git import git_properties, without_credentials

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A repository without a commit in `tmp_path`; executes git there."""

    def call(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    call("init", "-b", "main")
    (tmp_path / "train.py").write_text("1")
    call("add", ".")
    return call


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:secret@example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org:8443/a.git", "https://example.org:8443/a.git"),
        ("https://example.org/a.git", "https://example.org/a.git"),
        ("git@example.org:a.git", "git@example.org:a.git"),
        ("ssh://git@example.org/a.git", "ssh://git@example.org/a.git"),
    ],
)
def test_credentials_are_left_out(address: str, shown: str) -> None:
    assert without_credentials(address) == shown


def test_a_repository_tells_its_commit_and_whether_it_is_dirty(tmp_path: Path, git: Git) -> None:
    git("commit", "-m", "first")
    found = git_properties(tmp_path)
    assert len(found["azureml.git.commit"]) == 40
    assert (found["azureml.git.branch"], found["azureml.git.dirty"]) == ("main", "False")
    assert found["mlflow.source.git.commit"] == found["azureml.git.commit"]
    assert found["mlflow.source.git.branch"] == "main"
    assert "mlflow.source.git.repoURL" not in found, "it comes from nowhere"
    git("remote", "add", "origin", "https://user:secret@example.org/a.git")
    found = git_properties(tmp_path)
    names = ("azureml.git.repository_uri", "mlflow.source.git.repoURL")
    assert [found[name] for name in names] == ["https://example.org/a.git"] * 2
    (tmp_path / "train.py").write_text("2")
    assert git_properties(tmp_path)["azureml.git.dirty"] == "True"


def test_elsewhere_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_properties(tmp_path) == {}


def test_before_the_first_commit_there_is_nothing(tmp_path: Path, git: Git) -> None:
    assert git_properties(tmp_path) == {}


def test_a_commit_that_is_on_no_branch_is_told(tmp_path: Path, git: Git) -> None:
    git("commit", "-m", "first")
    git("checkout", "--detach")
    found = git_properties(tmp_path)
    assert (found["azureml.git.commit"], found["azureml.git.branch"]) == (git("rev-parse", "HEAD"), "HEAD")


def test_only_what_is_in_the_folder_makes_it_dirty(tmp_path: Path, git: Git) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "train.py").write_text("2")
    (tmp_path / "new.py").write_text("not added")
    assert git_properties(tmp_path / "sub")["azureml.git.dirty"] == "False"
    (tmp_path / "sub" / "other.py").rename(tmp_path / "sub" / "an \u00e9\nother")
    assert git_properties(tmp_path / "sub")["azureml.git.dirty"] == "True"


@pytest.mark.parametrize("made", ["new.py", "new/deep/er.py", "an \u00e9\nother", "# branch.oid 1"])
@pytest.mark.parametrize("within", ["", "sub", "sub/sub"])
def test_a_file_that_was_never_added_makes_what_is_submitted_another(
    tmp_path: Path, git: Git, made: str, within: str
) -> None:
    folder = tmp_path / within
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    (folder / made).parent.mkdir(parents=True, exist_ok=True)
    (folder / made).write_text("not added")
    assert git_properties(folder)["azureml.git.dirty"] == "True"


def test_a_folder_that_was_never_added_is_dirty_itself(tmp_path: Path, git: Git) -> None:
    git("commit", "-m", "first")
    (tmp_path / "new" / "below").mkdir(parents=True)
    (tmp_path / "new" / "below" / "train.py").write_text("1")
    assert git_properties(tmp_path / "new" / "below")["azureml.git.dirty"] == "True"


def test_what_the_snapshot_leaves_out_makes_nothing_dirty(tmp_path: Path, git: Git) -> None:
    """Be it git that ignores it, or only the snapshot; and what lies beside the folder."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("1")
    (source / ".amlignore").write_text("*.csv\n/data/\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git("add", ".")
    git("commit", "-m", "first")
    left_out = [
        "big.csv",
        "data/a.txt",
        "__pycache__/train.pyc",
        "lib/__pycache__/a.pyc",
        "venv/pyvenv.cfg",
        "venv/a.py",
    ]
    for name in [*left_out, "out.log", "../beside.py"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("1")
    (source / "link").symlink_to("/etc/hostname")
    assert git_properties(source)["azureml.git.dirty"] == "False"
    (source / "lib" / "a.py").write_text("1")
    assert git_properties(source)["azureml.git.dirty"] == "True"


def test_an_address_is_told_as_git_reads_it(tmp_path: Path, git: Git) -> None:
    git("commit", "-m", "first")
    git("remote", "add", "origin", "https://example.org/first.git")
    git("config", "--add", "remote.origin.url", 'https://example.org/"b"\u2028\\ c.git')
    git("branch", "a\u2028b")
    git("checkout", "a\u2028b")
    linked = tmp_path.with_name(f"{tmp_path.name}-linked")
    git("worktree", "add", "-b", "other", str(linked))
    for folder, branch in ((tmp_path, "a\u2028b"), (linked, "other")):
        found = git_properties(folder)
        assert found["azureml.git.repository_uri"] == git("config", "--get", "remote.origin.url")
        assert (found["azureml.git.branch"], found["azureml.git.dirty"]) == (branch, "False")


@pytest.mark.parametrize(
    ("trouble", "dirty"),
    [("exit 129", None), ("exec sleep 60", None), ("unset GIT_TRACE2_EVENT", "True")],
    ids=["too-old", "too-slow", "no-trace"],
)
def test_a_git_that_does_not_tell_all_at_once_is_asked_for_the_rest(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, trouble: str, dirty: str | None
) -> None:
    git("remote", "add", "origin", "https://example.org/a.git")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "main.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    (tmp_path / "sub" / "new.py").write_text("1")
    commit = git("rev-parse", "HEAD")
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    programs = tmp_path.with_name(f"{tmp_path.name}-programs")
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\ncase "$*" in *status*) {trouble};; esac\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(asking, "SECONDS", 0.5)
    found = git_properties(tmp_path / "sub")
    assert (found["azureml.git.commit"], found["azureml.git.branch"]) == (commit, "main")
    assert found["azureml.git.repository_uri"] == "https://example.org/a.git"
    assert found.get("azureml.git.dirty") == dirty


def test_who_asks_at_the_same_time_has_a_look_together_and_none_that_began_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined, go_on = threading.Event(), threading.Event()
    looks: list[dict[str, str]] = []
    began = threading.Semaphore(0)

    class Joined(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            joined.set()
            return super().wait(timeout)

    class Look(asking._Look):
        def __init__(self) -> None:
            super().__init__()
            self.over = Joined()

    def look_at(folder: Path) -> dict[str, str]:
        looks.append({"number": str(len(looks))})
        found = looks[-1]
        began.release()
        assert go_on.wait(20)
        return found

    monkeypatch.setattr(asking, "_Look", Look)
    monkeypatch.setattr(asking, "_look_at", look_at)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(git_properties, tmp_path)
        assert began.acquire(timeout=20)
        later = [pool.submit(git_properties, tmp_path) for _ in range(2)]
        assert joined.wait(20)
        go_on.set()
        assert first.result(20) == {"number": "0"}
        assert [each.result(20) for each in later] == [{"number": "1"}] * 2
    assert len(looks) == 2
    assert not asking._next


def test_a_look_that_was_broken_off_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_at(folder: Path) -> dict[str, str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(asking, "_look_at", look_at)
        with pytest.raises(KeyboardInterrupt):
            git_properties(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_properties(tmp_path) == {}
