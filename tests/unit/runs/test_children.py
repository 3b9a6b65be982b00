"""What a run may begin below itself."""

from dataclasses import replace
from typing import Any

import pytest

from orris.errors import PermissionDenied, ResourceExhausted
from orris_runs import limits
from orris_runs.demands import Demands, Isolation
from orris_runs.model import Kind, NewRun, Run
from tests.unit.runs.conftest import NEW, World


def begun_by(world: World, parent: Run, **changed: Any) -> NewRun:
    new = replace(NEW, **{"parent_run": parent.name, "submitted_by": parent.id, **changed})
    return world.core.children.as_begun_by(parent.id, new)


def test_a_child_is_of_who_submitted_its_parent(world: World) -> None:
    parent = world.submit(submitted_by="ada")
    assert begun_by(world, parent).submitted_by == "ada"


def test_a_child_is_in_a_container_and_without_network_where_its_parent_is(world: World) -> None:
    parent = world.submit(demands=Demands(Isolation.CONTAINER, network_disabled=True))
    assert begun_by(world, parent).demands == Demands(Isolation.CONTAINER, network_disabled=True)
    free = world.submit()
    assert begun_by(world, free, demands=Demands(Isolation.PROCESS)).demands == Demands(Isolation.PROCESS)


@pytest.mark.parametrize(
    ("own", "child", "field"),
    [
        ({}, {"experiment": "other"}, "run.experiment"),
        ({}, {"kind": Kind.REPLICA}, "run.kind"),
        ({"priority": 3}, {"priority": 4}, "run.priority"),
        ({"demands": Demands(Isolation.CONTAINER)}, {"demands": Demands(Isolation.PROCESS)}, "run.isolation"),
        ({"demands": Demands(Isolation.CONTAINER)}, {"demands": Demands(Isolation.WARM)}, "run.isolation"),
    ],
)
def test_a_child_has_no_more_rights(world: World, own: dict[str, Any], child: dict[str, Any], field: str) -> None:
    parent = world.submit(**own)
    with pytest.raises(PermissionDenied, match=field) as refused:
        begun_by(world, parent, **child)
    assert refused.value.reason == "BEYOND_PARENT"


def test_a_run_begins_nothing_beside_or_above_itself(world: World) -> None:
    top = world.submit()
    own = world.submit(parent_run=top.name)
    below = world.submit(parent_run=own.name)
    assert world.core.children.as_begun_by(own.id, replace(NEW, parent_run=below.name)).parent_run == below.name
    for parent in (top.name, world.submit().name, ""):
        with pytest.raises(PermissionDenied) as refused:
            world.core.children.as_begun_by(own.id, replace(NEW, parent_run=parent))
        assert refused.value.reason == "OTHER_RUN"


def test_there_are_only_so_many_children(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHILDREN", 2)
    parent, other = world.submit(), world.submit()
    for _ in range(2):
        begun_by(world, parent)
        world.submit(parent_run=parent.name)
    with pytest.raises(ResourceExhausted, match="2 children"):
        begun_by(world, parent)
    begun_by(world, other)


def test_there_are_only_so_many_generations(world: World) -> None:
    run = world.submit()
    for _ in range(limits.GENERATIONS):
        begun_by(world, run)
        run = world.submit(parent_run=run.name)
    with pytest.raises(ResourceExhausted, match="generations"):
        begun_by(world, run)
