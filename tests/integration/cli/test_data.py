"""`orris data`, and data that a script is submitted with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.runs.v1 import runs_pb2
from tests.fakes.download_server import download_server
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]


@pytest.fixture
def orris(server: FakeOrris, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(source)
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "t.csv").write_text("x\n1\n")
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def test_a_dataset_is_created_listed_shown_downloaded_and_deleted(orris: Invoke, tmp_path: Path) -> None:
    assert orris("data", "create", "d", f"{tmp_path}/d", "--as", "csv", "--tag", "a=b").stdout == "d:1\n"
    assert orris("data", "create", "d", f"{tmp_path}/d", "--as", "csv").stdout == "d:1\n"
    (listed,) = json.loads(orris("data", "list", "--json").stdout)
    assert (listed["name"], listed["version"], listed["kind"], listed["tags"]) == ("d", 1, "table", {"a": "b"})
    assert "d:1" in orris("data", "list").stdout
    assert json.loads(orris("data", "show", "d", "--json").stdout)["usedBy"] == []
    assert orris("data", "download", "d:1", "--into", f"{tmp_path}/out").exit_code == 0
    assert (tmp_path / "out" / "t.csv").read_text() == "x\n1\n"
    assert orris("data", "download", "d:1", "--into", f"{tmp_path}/out").exit_code != 0
    assert orris("data", "delete", "d").exit_code == 2
    assert orris("data", "delete", "d:1").exit_code == 0
    assert "no datasets" in orris("data", "list").output


def test_what_paths_say_is_shown(orris: Invoke, tmp_path: Path) -> None:
    assert orris("data", "create", "p", f"{tmp_path}/d", "--partition-format", "/{part}.csv").stdout == "p:1\n"
    assert orris("data", "create", "p", f"{tmp_path}/d").stdout == "p:2\n"
    shown = ["data", "create", "p", f"{tmp_path}/d", "--as", "csv", "--partition-format", "/{name}.csv", "--json"]
    assert json.loads(orris(*shown).stdout)["partitionKeys"] == ["name"]
    assert json.loads(orris("data", "show", "p:1", "--json").stdout)["partitionKeys"] == ["part"]
    assert "paths say" in orris("data", "show", "p:1").stdout
    refused = orris("data", "create", "p", f"{tmp_path}/d", "--partition-format", "/{part}.txt")
    assert (refused.exit_code != 0, "does not end like that" in refused.output) == (True, True)


def test_what_is_at_a_url_becomes_a_dataset(orris: Invoke) -> None:
    with download_server() as site:
        site.objects["t.csv"] = b"x\n1\n"
        site.answer = lambda exchange, data: exchange.say(200, data)
        url = f"http://127.0.0.1:{site.server_port}/t.csv"
        assert orris("data", "create", "web", url, "--as", "csv").stdout == "web:1\n"
        site.answer = lambda exchange, data: exchange.say(404, b"")
        refused = orris("data", "create", "web", url)
    assert (refused.exit_code, "nothing is at" in refused.output) == (3, True)
    assert [each["version"] for each in json.loads(orris("data", "list", "web", "--json").stdout)] == [1]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("x=d", runs_pb2.RunInput.MODE_MOUNT),
        ("x=d:1", runs_pb2.RunInput.MODE_MOUNT),
        ("x=d:1:download", runs_pb2.RunInput.MODE_DOWNLOAD),
        ("x=d:direct", runs_pb2.RunInput.MODE_DIRECT),
    ],
)
def test_a_script_gets_data(orris: Invoke, server: FakeOrris, tmp_path: Path, text: str, mode: int) -> None:
    orris("data", "create", "d", f"{tmp_path}/d")
    assert orris("submit", "--input", text, "train.py", "${{inputs.x}}").exit_code == 0
    ((given,),) = (run.inputs for run in server.runs.runs.values())
    assert (given.name, given.dataset, given.mode) == ("x", "workspaces/lab/datasets/d/versions/1", mode)
    shown = orris("data", "show", "d")
    assert all(run.rpartition("/")[2] in shown.stdout for run in server.runs.runs)


def test_data_that_is_not_there_is_said_before_anything_is_submitted(orris: Invoke, server: FakeOrris) -> None:
    assert orris("submit", "--input", "x=nothing", "train.py").exit_code != 0
    assert server.runs.runs == {}


def test_what_a_failed_run_has_left_is_downloaded(orris: Invoke, server: FakeOrris, tmp_path: Path) -> None:
    orris("data", "create", "d", f"{tmp_path}/d")
    orris("submit", "train.py")
    (run,) = server.runs.runs.values()
    run.state = runs_pb2.Run.STATE_FAILED
    run.outputs_to.add(name="clean", tree=server.data.find("workspaces/lab/datasets/d").tree)
    run.outputs_to.add(name="empty")
    said = orris("runs", "download", "latest", "--into", f"{tmp_path}/all")
    assert (said.exit_code, "--output clean" in said.output, "--output empty" in said.output) == (0, True, False)
    assert orris("runs", "download", "latest", "--output", "clean", "-o", f"{tmp_path}/out").exit_code == 0
    assert (tmp_path / "out" / "t.csv").read_text() == "x\n1\n"
    refused = orris("runs", "download", "latest", "--output", "empty")
    assert (refused.exit_code, "it is empty" in refused.output) == (3, True)
