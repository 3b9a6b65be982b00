"""Workspaces are found as Azure finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml.exceptions import ServiceException, UserErrorException, WorkspaceException
from tests.fakes.services.server import FakeOrris


def test_config_json_is_found_from_below(ws: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azureml.core import Workspace

    (project / "deep").mkdir()
    monkeypatch.chdir(project / "deep")
    found = Workspace.from_config(auth=None)
    assert (found.name, found.subscription_id, found.resource_group) == ("lab", "sub", "group")


def test_write_config_keeps_azures_keys(ws: Any, tmp_path: Path) -> None:
    file = ws.write_config(path=tmp_path)
    assert json.loads(file.read_text()) == {
        "subscription_id": "sub",
        "resource_group": "group",
        "workspace_name": "lab",
    }


def test_a_workspace_that_is_missing_is_noticed_at_once(orris: FakeOrris) -> None:
    from azureml.core import Workspace

    with pytest.raises(WorkspaceException, match="nowhere"):
        Workspace("sub", "group", "nowhere")
    assert Workspace.create("nowhere", subscription_id="s", location="eastus").subscription_id == "s"
    assert [each.name for each in Workspace.list("s")["nowhere"]] == ["nowhere"]


def test_without_config_or_instance_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Path
) -> None:
    from azureml.core import Workspace

    monkeypatch.setenv("ORRIS_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("ORRIS_ADDRESS", raising=False)
    with pytest.raises(ServiceException, match="orris up"):
        Workspace.from_config()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserErrorException, match=r"config\.json"):
        Workspace.from_config()
