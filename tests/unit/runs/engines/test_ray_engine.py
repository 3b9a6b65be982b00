"""What the Ray engine keeps in its home, and whom it asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris_kit.ray_versions import RayVersions
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest, Surroundings
from orris_runs.engines.ray import engine as module
from orris_runs.engines.ray.config import RaySettings
from orris_runs.engines.ray.engine import RayEngine

# Notes what it is asked, and for nodes says one of each phase.
CLUSTER = """
import json, pathlib, sys
here = pathlib.Path(sys.argv[0]).parent
if sys.argv[1] == "away:1" and (here / "away").exists():
    sys.exit(json.dumps({"error": "no head"}))
print(json.dumps({"result": "connected"}), flush=True)
for line in sys.stdin:
    with pathlib.Path(sys.argv[0]).with_name("asked").open("a") as asked:
        asked.write(json.dumps({"address": sys.argv[1], **json.loads(line)}) + chr(10))
    node = {"id": "n1", "phase": "gone", "message": "its machine was lost", "host": "m1"}
    answer = [] if (here / "empty").exists() else [node]
    if '"versions"' in line:
        answer = {"ray": "2.60.0", "python": "3.11.7"}
    print(json.dumps({"result": answer}), flush=True)
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


def test_the_clusters_versions_are_those_of_whom_it_lets_in(open_engine: Open, tmp_path: Path) -> None:
    """No node is needed for that."""
    assert open_engine().ray({"address": "other:1"}) == RayVersions("2.60.0", "3.11.7")
    assert [each["address"] for each in asked(tmp_path)] == ["other:1"]
    with pytest.raises(InvalidArgument, match="'adress'"):
        open_engine().ray({"adress": "head:1"})


def test_all_that_was_started_here_is_ended_on_every_cluster(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine()
    for pool, address in (("a", "other:1"), ("b", "other:1"), ("c", "third:1")):
        engine.start(NodeRequest("n1", pool, options={"address": address}))
    engine.end_all()
    ended = [each for each in asked(tmp_path) if each["method"] == "stop_all"]
    assert [each["address"] for each in ended] == ["other:1", "third:1"]
    assert asked(tmp_path)[0]["params"]["prefix"].startswith(ended[0]["params"]["prefix"])


def test_a_cluster_that_cannot_be_asked_is_named_and_the_others_are_asked(open_engine: Open, tmp_path: Path) -> None:
    engine = open_engine()
    engine.start(NodeRequest("n1", "a", options={"address": "away:1"}))
    engine.start(NodeRequest("n1", "b", options={"address": "other:1"}))
    (tmp_path / "away").touch()
    with pytest.raises(
        EngineUnavailable, match=r"may go on on the Ray cluster at away:1 .*delete the pool; or end the"
    ):
        open_engine().end_all()
    assert [each["address"] for each in asked(tmp_path) if each["method"] == "stop_all"] == ["other:1"]


def test_a_pool_that_has_no_node_any_more_has_nothing_on_a_cluster(open_engine: Open, tmp_path: Path) -> None:
    """So a cluster that is gone for good is in nobody's way."""
    engine = open_engine()
    engine.start(NodeRequest("n1", "rack"))
    (tmp_path / "empty").touch()
    assert engine.nodes("rack") == []
    engine.end_all()
    assert [each["method"] for each in asked(tmp_path)] == ["start", "nodes"]


def test_what_a_pool_cannot_say_reaches_no_cluster(open_engine: Open, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="'adress'"):
        open_engine().start(NodeRequest("n1", "rack", options={"adress": "head:1"}))
    assert not (tmp_path / "asked").exists()


def test_without_the_agents_token_no_node_is_asked_for(open_engine: Open, tmp_path: Path) -> None:
    (tmp_path / "agent.token").unlink()
    with pytest.raises(EngineUnavailable, match="token cannot be read"):
        open_engine().start(NodeRequest("n1", "rack"))
