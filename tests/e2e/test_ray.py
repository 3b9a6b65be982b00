"""A pool on a real Ray cluster, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris_runs.engines.port import NodePhase, NodeRequest, Surroundings
from orris_runs.engines.ray.config import RaySettings
from orris_runs.engines.ray.engine import RayEngine
from tests.e2e.conftest import Orris
from tests.e2e.processes import wait_until
from tests.servers.ray_cluster import RESOURCE, RayCluster

pytestmark = [pytest.mark.needs("ray"), pytest.mark.needs("pypi")]

SCRIPTS = Path(__file__).parent / "scripts" / "spread"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def rack(home: Path, ray_cluster: RayCluster, tmp_path: Path) -> Iterator[RayEngine]:
    """An engine with one node in the pool `rack`."""
    address = json.loads((home / "instance.json").read_text())["address"]
    told = {f"ORRIS_{noun}_ADDRESS": address for noun in ("RUNS", "ARTIFACTS", "IMAGES", "MODELS")}
    settings = RaySettings(python=ray_cluster.python, address=ray_cluster.address, token_file=ray_cluster.token_file)
    engine = RayEngine(Surroundings(home, home / "agent.token", told, dict(os.environ)), settings)
    options = {"resource": RESOURCE, "python": sys.executable, "folder": str(tmp_path / "nodes")}
    engine.start(NodeRequest("rack-1", "rack", options=options))
    wait_until(lambda: [node.phase for node in engine.nodes("rack")] == [NodePhase.RUNNING], 60)
    yield engine
    engine.stop("rack", "rack-1")
    engine.close()


@pytest.mark.usefixtures("rack")
def test_the_work_of_one_script_is_done_by_several_machines(orris: Orris, tmp_path: Path) -> None:
    """The script is unchanged. Ray brings the machines when they are asked for."""
    shutil.copytree(SCRIPTS, tmp_path, dirs_exist_ok=True)
    spread = ("submit", "--pool", "rack", "--distribution", "joblib", "--python", PYTHON)
    refused = orris(*spread, "--package", "scikit-learn", "search.py", code=1)
    assert "add ray==2.60.0 to the environment" in refused.stdout + refused.stderr
    packages = ("--package", "scikit-learn", "--package", "ray==2.60.0")
    orris(*spread, *packages, "search.py")
    (run, *_) = json.loads(orris("runs", "list", "--json").stdout)
    metrics = json.loads(orris("runs", "metrics", run["runId"], "--json").stdout)
    assert metrics["machines"] > 1
    assert metrics["accuracy"] > 0.97
    assert metrics["features"] == 4
    assert metrics["forest"] == 1.0
    assert metrics["failure"] == "number 3 is not wanted"
    assert metrics["same"] is True
