"""The files of a Dockerfile travel with its environment."""

from __future__ import annotations

from pathlib import Path

from orris.sdk.environment import Environment
from orris.sdk.workspace import Workspace
from tests.fakes.services.server import FakeOrris


def test_a_change_of_the_files_is_another_version(server: FakeOrris, lab: Workspace, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1\n")
    environment = Environment.from_dockerfile("e", "FROM debian\nCOPY data.csv /\n", context=tmp_path)
    assert environment.register(lab).version == "1"
    (sent,) = server.images.environments["workspaces/lab/environments/e"]
    assert sent.spec.dockerfile.context.startswith("workspaces/lab/trees/")
    assert environment.ensure_registered(lab).version == "1"
    (tmp_path / "data.csv").write_text("2\n")
    assert environment.ensure_registered(lab).version == "2"
    again = Environment.get(lab, "e", "1")
    assert again.spec == sent.spec
    assert again.register(lab).version == "3"  # as the first was
