"""What the Ray engine keeps in its home, and whom it asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest, Surroundings
from orris_runs.engines.ray import engine as module
from orris_runs.engines.ray.config import RaySettings
from orris_runs.engines.ray.engine import RayEngine

# Notes what it is asked, and for nodes says one of each phase.
CLUSTER = """
import json, pathlib, sys
print(json.dumps({"result": "connected"}), flush=True)
for line in sys.stdin:
    with pathlib.Path(sys.argv[0]).with_name("asked").open("a") as asked:
        asked.write(json.dumps({"address": sys.argv[1], **json.loads(line)}) + chr(10))
    node = {"id": "n1", "phase": "gone", "message": "its machine was lost", "host": "m1"}
    print(json.dumps({"result": [node]}), flush=True)
"""
Open = Callable[[], RayEngine]


@pytest.fixture
def open_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    (tmp_path / "cluster.py").write_text(CLUSTER)
    monkeypatch.setattr(module, "CLUSTER_SIDE", tmp_path / "cluster.py")
    (tmp_path / "agent.token").write_text("secret\n")
    opened = []

    def open_one() -> RayEngine:
        around = Surroundings(tmp_path, tmp_path / "agent.token", {"ORRIS_RUNS_ADDRESS": "here:1"})
        opened.append(RayEngine(around, RaySettings(python=Path(sys.executable), address="head:6379")))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.close()


def asked(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "asked").read_text().splitlines()]


def test_a_node_is_ordered_with_all_that_its_agent_needs(open_engine: Open, tmp_path: Path) -> None:
    open_engine().start(NodeRequest("n1", "rack", 2, 1024, 3, {"resource": "large"}))
    (order,) = [each["params"]["order"] for each in asked(tmp_path)]
    assert {"id": "n1", "pool": "rack", "slots": 3, "cpus": 2, "memory_bytes": 1024}.items() <= order.items()
    assert (order["resource"], order["token"]) == ("large", "secret")
    assert order["settings"] == {"ORRIS_RUNS_ADDRESS": "here:1"}


def test_the_next_engine_asks_the_same_cluster_for_the_same_pool(open_engine: Open, tmp_path: Path) -> None:
    open_engine().start(NodeRequest("n1", "rack", options={"address": "other:1"}))
    again = open_engine()
    assert again.nodes("rack") == [EngineNode("n1", NodePhase.GONE, "its machine was lost", "m1")]
    again.stop("rack", "n1")
    started, listed, stopped = asked(tmp_path)
    assert {each["address"] for each in (started, listed, stopped)} == {"other:1"}
    assert started["params"]["prefix"] == listed["params"]["prefix"]
    assert stopped["params"]["name"] == started["params"]["prefix"] + "n1"


def test_a_pool_that_never_had_a_node_needs_no_cluster(open_engine: Open, tmp_path: Path) -> None:
    assert open_engine().nodes("rack") == []
    open_engine().stop("rack", "n1")
    assert not (tmp_path / "asked").exists()


def test_what_a_pool_cannot_say_reaches_no_cluster(open_engine: Open, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="'adress'"):
        open_engine().start(NodeRequest("n1", "rack", options={"adress": "head:1"}))
    assert not (tmp_path / "asked").exists()


def test_without_the_agents_token_no_node_is_asked_for(open_engine: Open, tmp_path: Path) -> None:
    (tmp_path / "agent.token").unlink()
    with pytest.raises(EngineUnavailable, match="token cannot be read"):
        open_engine().start(NodeRequest("n1", "rack"))
