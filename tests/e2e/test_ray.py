"""A pool on a real Ray cluster, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orris.sdk.experiment import Experiment
from orris.sdk.script_run_config import ScriptRunConfig
from orris.sdk.workspace import Workspace
from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import processes_of, wait_until
from tests.servers.ray_cluster import MOST_NODES, RESOURCE, RayCluster

pytestmark = [pytest.mark.needs("ray"), pytest.mark.needs("pypi")]

SPREAD = Path(__file__).parent / "scripts" / "spread"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
RUNS = 30
# So long a run waits for a file that a test writes.
WAITS = """
import os, sys, time
print("begun", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
print("done", flush=True)
"""
SECONDS = 120.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("on-ray")


@pytest.fixture(scope="module")
def orris(home: Path, ray_cluster: RayCluster) -> Iterator[Orris]:
    """An instance with a pool on the cluster: no node, and three at most."""
    told = {
        "ORRIS_RUNS_RAY_PYTHON": str(ray_cluster.python),
        "ORRIS_RUNS_RAY_ADDRESS": ray_cluster.address,
        "ORRIS_RUNS_RAY_TOKEN_FILE": str(ray_cluster.token_file),
    }
    run = command_line(home, home, **told)
    run("up", "-d")
    options = {"resource": RESOURCE, "python": sys.executable, "folder": str(home / "machine"), "processors": "3"}
    said = [word for name, text in options.items() for word in ("--option", f"{name}={text}")]
    run("pools", "create", "rack", "--engine", "ray", "--max", str(MOST_NODES), "--idle", "2s", *said)
    yield run
    run("pools", "delete", "rack")
    wait_until(lambda: "rack" not in run("pools", "list").stdout, SECONDS)
    run("down")
    wait_until(lambda: not processes_of(home))


def pool(orris: Orris) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("pools", "show", "rack", "--gone", "--json").stdout)
    return found


def live_nodes(orris: Orris) -> list[dict[str, Any]]:
    return [node for node in pool(orris)["nodes"] if node["state"] != "Gone"]


def test_a_pool_goes_from_no_machine_to_three_and_back_while_runs_end(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRIS_HOME", str(home))
    (tmp_path / "hello.py").write_text("import time; time.sleep(0.5); print('hello')\n")
    config = ScriptRunConfig(tmp_path, "hello.py", environment="orris-sklearn", compute_target="rack")
    experiment = Experiment(Workspace("default"), "many")
    runs = [experiment.submit(config) for _ in range(RUNS)]
    wait_until(lambda: len([node for node in live_nodes(orris) if node["state"] == "Running"]) == MOST_NODES, SECONDS)
    assert len(ray_cluster.processes("raylet/raylet")) == 1 + MOST_NODES
    for run in runs:
        run.wait_for_completion()
    wait_until(lambda: not live_nodes(orris), SECONDS)
    wait_until(lambda: len(ray_cluster.processes("raylet/raylet")) == 1, SECONDS)
    assert pool(orris)["error"] == ""
    assert [node["endReason"] for node in pool(orris)["nodes"]] == ["it was idle for 2 seconds"] * MOST_NODES
    assert list((home / "machine" / "nodes").iterdir()) == []


def test_a_run_goes_on_when_its_agent_is_killed(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """Ray's actor starts the agent again, which takes up what it finds."""
    (tmp_path / "waits.py").write_text(WAITS)
    submit = (
        "submit",
        "--environment",
        "orris-sklearn",
        "--no-wait",
        "--pool",
        "rack",
        "waits.py",
        str(tmp_path / "go"),
    )
    run = orris(*submit, cwd=tmp_path).stdout.strip()
    wait_until(lambda: "begun" in orris("runs", "logs", run).stdout, SECONDS)
    (agent,) = ray_cluster.agents(home / "machine")
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: ray_cluster.agents(home / "machine") not in ([], [agent]), SECONDS)
    (tmp_path / "go").touch()
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(json.loads(orris("runs", "show", run, "--json").stdout))
        return found["status"] in ("Completed", "Failed")

    wait_until(ended, SECONDS)
    assert (found["status"], found["attempt"]) == ("Completed", 1)
    assert orris("runs", "logs", run).stdout == "begun\ndone\n"


def test_the_work_of_one_script_is_done_by_several_machines(orris: Orris, tmp_path: Path) -> None:
    """The script is unchanged. Ray brings the machines when they are asked for."""
    folder = tmp_path / "search"
    shutil.copytree(SPREAD, folder)
    spread = ("submit", "--pool", "rack", "--distribution", "joblib", "--python", PYTHON, "--package", "scikit-learn")
    refused = orris(*spread, "search.py", code=1, cwd=folder)
    assert "add ray==2.60.0 to the environment" in refused.stdout + refused.stderr
    orris(*spread, "--package", "ray==2.60.0", "search.py", cwd=folder)
    (run, *_) = json.loads(orris("runs", "list", "--json").stdout)
    metrics = json.loads(orris("runs", "metrics", run["runId"], "--json").stdout)
    assert metrics["machines"] > 1
    assert metrics["accuracy"] > 0.97
    assert metrics["features"] == 4
    assert metrics["sums"] == 16 * 300_000
    assert metrics["streamed"] == 28
    assert metrics["forest"] == 1.0
    assert metrics["failure"] == "number 3 is not wanted"
    assert metrics["same"] is True
