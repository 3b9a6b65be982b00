"""Agents that a real Ray cluster keeps alive, on machines that its autoscaler brings and takes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import orris_agent
from orris_agent import control
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest, Surroundings
from orris_runs.engines.ray.config import RaySettings
from orris_runs.engines.ray.engine import RayEngine
from tests.servers.ray_cluster import RESOURCE, RayCluster

pytestmark = pytest.mark.needs("ray")

SUPERVISOR = Path(orris_agent.__file__).parent / "supervisor" / "__main__.py"


class Pool:
    """A pool as its engine sees it, whose agents look for a service that is not there."""

    def __init__(self, cluster: RayCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        (folder / "agent.token").write_text("the token of agents")
        self.engine = self.another_engine()
        self.options = {"resource": RESOURCE, "python": sys.executable, "folder": str(folder / "machine")}

    def another_engine(self, seconds: float = 30) -> RayEngine:
        """Return an engine as the next process of the service makes it."""
        settings = RaySettings(
            python=self.cluster.python,
            address=self.cluster.address,
            token_file=self.cluster.token_file,
            call_seconds=seconds,
        )
        told = {"ORRIS_RUNS_ADDRESS": "127.0.0.1:1", "ORRIS_AGENT_ENGINE": "off"}
        around = Surroundings(self.folder, self.folder / "agent.token", told, dict(os.environ))
        return RayEngine(around, settings)

    def start(self, node: str, **wanted: Any) -> None:
        self.engine.start(NodeRequest(node, "flowers", options=self.options, **wanted))

    def stop(self, node: str) -> None:
        self.engine.stop("flowers", node)

    def nodes(self) -> dict[str, EngineNode]:
        return {node.id: node for node in self.engine.nodes("flowers")}

    def phases(self) -> dict[str, NodePhase]:
        return {node.id: node.phase for node in self.nodes().values()}

    def home(self, node: str) -> Path:
        return self.folder / "machine" / "nodes" / node

    def agents(self) -> list[int]:
        """Return the processes of this pool's agents."""
        return self.cluster.agents(self.folder)


@pytest.fixture
def pool(ray_cluster: RayCluster, tmp_path: Path) -> Iterator[Pool]:
    made = Pool(ray_cluster, tmp_path)
    yield made
    made.engine.close()
    cleaner = made.another_engine()
    for node in cleaner.nodes("flowers"):
        cleaner.stop("flowers", node.id)
    cleaner.close()


def until(condition: Callable[[], object], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it has not come to pass"
        time.sleep(0.1)


def test_a_node_waits_and_says_what_for(pool: Pool) -> None:
    pool.options["resource"] = "nobody-has-this"
    pool.start("one")
    assert pool.nodes()["one"].phase is NodePhase.WAITING
    assert "machine free for an agent" in pool.nodes()["one"].message
    pool.stop("one")
    assert pool.nodes() == {}


def test_a_killed_agent_is_started_again_where_its_things_are(pool: Pool) -> None:
    pool.start("one")
    until(pool.agents)
    kept = pool.home("one") / "agent" / "kept"
    until(kept.parent.exists)
    kept.write_text("what it ran")
    (killed,) = pool.agents()
    os.kill(killed, signal.SIGKILL)
    until(lambda: pool.agents() and killed not in pool.agents())
    assert kept.exists()
    until(lambda: pool.phases() == {"one": NodePhase.RUNNING})


def test_a_node_that_is_ended_takes_what_it_runs_with_it(pool: Pool) -> None:
    """Nobody waits until a lease has run out."""
    pool.start("one")
    until(pool.agents)
    run = pool.home("one") / "agent" / "runs" / "iris_1_2"
    run.mkdir(parents=True)
    control.write_command(run, ["sleep", "1000"], dict(os.environ), run, None)
    control.set_deadline(run, control.boottime() + 1000)
    supervisor = subprocess.Popen([sys.executable, "-I", "-S", "-B", SUPERVISOR, run])
    until((run / "supervisor.json").exists)
    pool.stop("one")
    supervisor.wait(10)
    assert not pool.home("one").exists()


def test_an_agent_is_told_of_the_pool_and_nothing_of_ray(pool: Pool) -> None:
    """Its token is in a file of its own that nobody else can read; what Ray sets for its workers is not for runs."""
    pool.start("one", slots=3)
    until(pool.agents)
    (agent,) = pool.agents()
    told = Path(f"/proc/{agent}/environ").read_text().rstrip("\0").split("\0")
    variables = dict(line.split("=", 1) for line in told)
    assert variables["ORRIS_AGENT_NAME"] == "one"
    assert variables["ORRIS_AGENT_POOL"] == "flowers"
    assert variables["ORRIS_AGENT_SLOTS"] == "3"
    assert variables["ORRIS_RUNS_ADDRESS"] == "127.0.0.1:1"
    assert not [name for name in variables if name.startswith(("RAY_", "OMP_", "CUDA_"))]
    token = pool.home("one") / "agent.token"
    assert token.read_text() == "the token of agents"
    assert token.stat().st_mode & 0o777 == 0o600
    assert "the token of agents" not in str(variables)
    logs = [file for file in pool.cluster.folder.rglob("*") if file.is_file() and "sockets" not in file.parts]
    assert not [file for file in logs if b"the token of agents" in file.read_bytes()]


def test_an_agent_that_cannot_start_says_why(pool: Pool) -> None:
    pool.options["python"] = "/nowhere/python"
    pool.start("one")
    until(lambda: "/nowhere/python" in pool.nodes()["one"].message)
    assert pool.nodes()["one"].phase is NodePhase.STARTING


def test_a_machine_that_is_too_small_is_not_taken(pool: Pool) -> None:
    pool.start("one", cpus=4096)
    until(lambda: pool.phases() == {"one": NodePhase.GONE})
    assert "the pool asks for 4096" in pool.nodes()["one"].message


def test_a_killed_machine_is_replaced(pool: Pool) -> None:
    """Its agent ends with it, and there is one again, on another machine of the cluster."""
    pool.start("one")
    until(lambda: pool.phases() == {"one": NodePhase.RUNNING})
    agents = pool.agents()
    pool.cluster.kill_machine(*agents)
    until(lambda: not set(agents) & set(pool.agents()))
    until(lambda: pool.agents() and pool.phases() == {"one": NodePhase.RUNNING})


def test_an_agent_does_not_go_on_where_its_things_are_not(pool: Pool) -> None:
    """After its machine's end it would execute anew what may still run there."""
    pool.start("one")
    until(lambda: pool.phases() == {"one": NodePhase.RUNNING})
    (pool.home("one") / "machine").write_text("another")
    pool.cluster.kill_keeper(*pool.agents())
    until(lambda: pool.phases() == {"one": NodePhase.GONE})
    assert pool.nodes()["one"].message == "its machine was lost"


def test_a_cluster_without_its_head_is_unavailable_until_it_is_back(pool: Pool) -> None:
    """No call waits longer than it was told, and the engine goes on with the next head by itself."""
    pool.engine.close()
    pool.engine = pool.another_engine(seconds=10)
    assert pool.nodes() == {}
    pool.start("one")
    until(lambda: pool.phases() == {"one": NodePhase.RUNNING})
    pool.cluster.stop()
    with pytest.raises(EngineUnavailable, match="cluster"):
        pool.nodes()
    pool.cluster.start()
    until(lambda: _answers(pool))
    assert pool.nodes() == {}
    pool.start("two")
    until(lambda: pool.phases() == {"two": NodePhase.RUNNING})


def test_a_token_is_asked_for(pool: Pool, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    settings = RaySettings(python=pool.cluster.python, address=pool.cluster.address, token_file=wrong)
    hasty = {"RAY_NUM_REDIS_GET_RETRIES": "2"}  # seconds, in truth, that a head is waited for
    stranger = RayEngine(Surroundings(tmp_path, tmp_path / "agent.token", {}, hasty), settings)
    with pytest.raises(EngineUnavailable, match="has another token"):
        stranger.start(NodeRequest("one", "flowers"))
    stranger.close()


def _answers(pool: Pool) -> bool:
    try:
        pool.nodes()
    except EngineUnavailable:
        return False
    return True
