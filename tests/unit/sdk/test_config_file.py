"""config.json is found where Azure's scripts keep it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orris import Workspace
from orris.errors import InvalidArgument, NotFound
from orris.sdk.config_file import read_workspace_name, write_workspace_name


def put(file: Path, name: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"subscription_id": "s", "resource_group": "g", "workspace_name": name}))


def test_the_nearest_folder_wins_and_in_it_the_hidden_one(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    put(tmp_path / "config.json", "outer")
    assert read_workspace_name(inner) == "outer"
    put(tmp_path / "a" / "config.json", "plain")
    assert read_workspace_name(inner) == "plain"
    put(tmp_path / "a" / "aml_config" / "config.json", "old")
    assert read_workspace_name(inner) == "old"
    put(tmp_path / "a" / ".azureml" / "project.json", "older-name")
    assert read_workspace_name(inner) == "older-name"
    put(tmp_path / "a" / ".azureml" / "config.json", "hidden")
    assert read_workspace_name(inner) == "hidden"


def test_from_config_begins_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "config.json", "lab")
    monkeypatch.chdir(tmp_path)
    assert Workspace.from_config().name == "lab"


def test_a_file_may_be_named(tmp_path: Path) -> None:
    put(tmp_path / "other.json", "lab")
    assert read_workspace_name(tmp_path / "other.json") == "lab"


def test_what_is_written_is_found_and_keeps_what_was_there(tmp_path: Path) -> None:
    put(tmp_path / ".azureml" / "config.json", "old")
    file = write_workspace_name("new", tmp_path)
    assert read_workspace_name(tmp_path) == "new"
    assert json.loads(file.read_text())["subscription_id"] == "s"


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="orris init"):
        read_workspace_name(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"workspace_name": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InvalidArgument, match="config"):
        read_workspace_name(tmp_path)
