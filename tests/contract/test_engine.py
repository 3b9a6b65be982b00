"""What every engine does: it keeps the agents alive that it was asked for, and says what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orris_runs.engines import ENGINES
from orris_runs.engines.port import Engine, EngineNode, NodePhase, NodeRequest
from tests.contract.engines import LABS, EngineLab, open_lab
from tests.e2e.processes import wait_until

POOL = "lab"
SECONDS = 60.0
NEEDS: dict[str, tuple[str, ...]] = {"local": (), "ray": ("ray",)}


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.needs(word) for word in NEEDS.get(name, ())]) for name in LABS]
)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineLab]:
    made = open_lab(request.param, tmp_path / "home", request)
    yield made
    made.close()


def node(engine: Engine, name: str, pool: str = POOL) -> EngineNode | None:
    return next((each for each in engine.nodes(pool) if each.id == name), None)


def until(condition: Callable[[], object]) -> None:
    wait_until(condition, SECONDS)


def runs(engine: Engine, name: str, pool: str = POOL) -> bool:
    found = node(engine, name, pool)
    return found is not None and found.phase is NodePhase.RUNNING


def test_every_engine_has_its_place_in_this_suite() -> None:
    assert set(LABS) == set(ENGINES)


def test_an_engine_names_what_a_pool_can_say_to_it(lab: EngineLab) -> None:
    """A pool that says something else is refused."""
    assert lab.options.keys() <= {*ENGINES[lab.name].options()}


def test_a_node_that_is_asked_for_comes_up_goes_on_when_the_engine_is_closed_and_ends_when_it_is_stopped(
    lab: EngineLab,
) -> None:
    """And the engine that the next process of the service makes knows it."""
    assert lab.engine.nodes(POOL) == []
    lab.engine.start(NodeRequest("lab-1", POOL))
    until(lambda: runs(lab.engine, "lab-1"))
    assert lab.engine.nodes("another-pool") == []
    lab.engine.close()
    again = lab.another()
    assert [each.id for each in again.nodes(POOL)] == ["lab-1"]
    assert runs(again, "lab-1")

    def ended() -> bool:
        again.stop(POOL, "lab-1")
        return again.nodes(POOL) == []

    until(ended)
    again.stop(POOL, "lab-1")
    again.close()


def test_asking_again_for_a_node_that_is_there_changes_nothing(lab: EngineLab) -> None:
    for engine in (lab.engine, lab.engine, lab.another()):
        engine.start(NodeRequest("lab-1", POOL))
        assert len(engine.nodes(POOL)) == 1
    until(lambda: runs(lab.engine, "lab-1"))
    lab.engine.start(NodeRequest("lab-1", POOL))
    assert len(lab.engine.nodes(POOL)) == 1


def test_a_node_that_is_killed_is_gone_says_why_and_is_forgotten_once_it_is_stopped(lab: EngineLab) -> None:
    for name in ("lab-1", "lab-2"):
        lab.engine.start(NodeRequest(name, POOL))
    until(lambda: runs(lab.engine, "lab-1") and runs(lab.engine, "lab-2"))
    lab.kill(POOL, "lab-1")

    def gone() -> bool:
        found = node(lab.engine, "lab-1")
        return found is None or (found.phase is NodePhase.GONE and bool(found.message))

    until(gone)

    def forgotten() -> bool:
        lab.engine.stop(POOL, "lab-1")
        return node(lab.engine, "lab-1") is None

    until(forgotten)
    assert runs(lab.engine, "lab-2")


def test_an_engine_says_which_ray_cluster_its_nodes_are_on(lab: EngineLab) -> None:
    """Before there is a node: runs that are spread have their environments made meanwhile."""
    assert lab.engine.ray(lab.options) == lab.ray


def test_stopping_what_was_never_there_is_fine(lab: EngineLab) -> None:
    lab.engine.stop(POOL, "lab-9")
    assert lab.engine.nodes(POOL) == []
