"""Fixtures for tests of clients: a fake Orris, and a workspace in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orris import Workspace
from tests.fakes.services.server import TOKEN, FakeOrris


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOrris]:
    """A fake Orris that the environment points to; nothing of this machine's own is found."""
    for name in ("ORRIS_TOKEN_FILE", "ORRIS_WORKSPACE", "ORRIS_DEBUG", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORRIS_TOKEN", TOKEN)
    with FakeOrris() as running:
        monkeypatch.setenv("ORRIS_ADDRESS", running.address)
        yield running


@pytest.fixture
def lab(server: FakeOrris) -> Workspace:
    return Workspace("lab")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a script."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("print('hello')\n")
    return folder
