"""Identical runs: who asks for it has the results of one that has completed, and nothing is executed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris_runs.identical import NEWEST
from orris_runs.model import STD_LOG, Kind, MetricPoint, MetricType, Prepared, Run
from orris_runs.states import State
from tests.servers.databases import plan_of

from .conftest import BUILD, IMAGE, NEW, World

OUTPUTS = f"workspaces/default/trees/{'b' * 64}"
PROGRAM = replace(NEW.program, arguments=["--k", "1"], variables={"A": "1"})


def complete(world: World, **changed: Any) -> Run:
    run, lease = world.start(program=PROGRAM, **changed)
    point = MetricPoint("loss", MetricType.SCALAR, datetime(2026, 1, 1, tzinfo=UTC), value=0.5)
    world.core.events.append(lease, 0, [point])
    world.finish(lease, outputs=OUTPUTS)
    return run


def submit_again(world: World, variables: dict[str, str] | None = None, **changed: Any) -> Run:
    """Submit as the service does: what is found is looked for before."""
    new = replace(NEW, **{"program": PROGRAM, "reuse": True, **changed})
    prepared = Prepared(image=new.image, variables=variables or {})
    world.core.submission.check(new)
    earlier = world.core.identical.find(new, prepared)
    return world.core.submission.submit(world.new_id(), new, prepared, earlier=earlier)


def test_it_completes_at_once_with_the_others_results(world: World) -> None:
    world.agent()
    first = complete(world)
    again = submit_again(world, tags={"own": "yes"}, experiment="other")
    assert (again.state, again.reused_run, again.outputs) == (State.COMPLETED, first.name, OUTPUTS)
    assert again == world.get(again)
    assert again.tags == {"own": "yes"}
    assert again.properties == {"azureml.isreused": "true", "azureml.reusedrunid": first.id}
    assert again.start_time == again.end_time == again.create_time
    (point,) = world.core.events.list_metrics("default", again.id, "", 10, "").items
    assert (point.metric, point.value) == ("loss", 0.5)
    piece = world.core.logs.read("default", again.id, STD_LOG, 0)
    assert piece.end
    assert f"not executed: {first.id} is identical" in piece.data.decode()
    assert world.core.leases.of_agent("a1") == []


def test_what_was_taken_over_points_to_what_was_executed(world: World) -> None:
    world.agent()
    first = complete(world)
    submit_again(world)
    assert submit_again(world).reused_run == first.name


@pytest.mark.parametrize(
    "changed",
    [
        {"program": replace(PROGRAM, arguments=["--k", "2"])},
        {"program": replace(PROGRAM, script="other.py")},
        {"program": replace(PROGRAM, script="", arguments=[], command=["train.py", "--k", "1"])},
        {"program": replace(PROGRAM, snapshot=f"workspaces/default/trees/{'c' * 64}")},
        {"program": replace(PROGRAM, variables={"A": "2"})},
        {"image": "workspaces/default/images/i2"},
        {"variables": {"B": "1"}},
        {"reuse": False},
    ],
)
def test_what_differs_is_executed(world: World, changed: dict[str, Any]) -> None:
    world.agent()
    complete(world)
    assert submit_again(world, **changed).state is State.QUEUED


def test_what_has_not_completed_is_no_result(world: World) -> None:
    world.agent()
    _, lease = world.start(program=PROGRAM)
    assert submit_again(world).reused_run == ""
    world.finish(lease, State.FAILED)
    assert submit_again(world).reused_run == ""


def test_another_workspaces_runs_are_not_used(world: World) -> None:
    world.agent()
    complete(world)
    world.core.workspaces.create("lab", "", "", b"")
    new = replace(NEW, program=PROGRAM, reuse=True, workspace="lab")
    assert world.core.identical.find(new, Prepared(image=IMAGE)) is None


def test_a_run_with_secrets_is_like_no_other(world: World) -> None:
    world.agent()
    complete(world, secrets={"KEY": "x"})
    assert submit_again(world).reused_run == ""


@pytest.mark.parametrize("changed", [{"kind": Kind.CONVERSION}, {"secrets": {"KEY": "x"}}])
def test_what_cannot_be_used_again_is_refused(world: World, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"run\.reuse"):
        world.submit(reuse=True, **changed)


def test_a_run_that_waited_for_its_image_can_be_used(world: World) -> None:
    world.agent()
    run = world.submit_preparing(program=PROGRAM)
    world.core.preparation.succeeded(BUILD, IMAGE, [])
    world.finish(world.lease_of(run), outputs=OUTPUTS)
    assert submit_again(world).reused_run == run.name


def test_it_is_found_by_an_index(world: World) -> None:
    plan = plan_of(world.engine, NEWEST.params({"in": "default", "alike": "x"}))
    assert "runs_completed_alike" in plan
    assert "sorted" not in plan
