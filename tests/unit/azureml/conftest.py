"""An Orris of fakes, and a project folder that belongs to its workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.services.server import TOKEN, FakeOrris


@pytest.fixture
def orris(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeOrris]:
    for name in ("ORRIS_TOKEN_FILE", "ORRIS_SNAPSHOT_LIMIT_BYTES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path / "home"))
    with FakeOrris() as fake:
        monkeypatch.setenv("ORRIS_ADDRESS", fake.address)
        monkeypatch.setenv("ORRIS_TOKEN", TOKEN)
        yield fake


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a script, and Azure's config.json."""
    folder = tmp_path / "project"
    (folder / ".azureml").mkdir(parents=True)
    config = {"subscription_id": "sub", "resource_group": "group", "workspace_name": "lab"}
    (folder / ".azureml" / "config.json").write_text(json.dumps(config))
    (folder / "train.py").write_text("print('hello')\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ws(orris: FakeOrris, project: Path) -> Any:
    from azureml.core import Workspace

    return Workspace.from_config()
