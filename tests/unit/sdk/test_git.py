"""Where a script came from is recorded, but never a password."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orris.sdk.git import git_properties, without_credentials


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


def test_a_repository_tells_its_commit_and_whether_it_is_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    (tmp_path / "train.py").write_text("1")
    git("add", ".")
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
