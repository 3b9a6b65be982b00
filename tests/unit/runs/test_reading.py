"""Lists: newest first, filtered, in pages that fit together."""

from typing import Any

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from orris_runs.labels import Update
from orris_runs.model import Kind, Run
from orris_runs.reading import RunQuery
from orris_runs.states import State

from .conftest import World


def ids(world: World, **query: Any) -> list[str]:
    return [run.id for run in world.core.reading.page(RunQuery("default", **query), 100, "").items]


def update(world: World, run: Run, **changed: Any) -> Run:
    return world.core.labels.update("default", run.id, Update(**changed))


def test_the_newest_comes_first_and_pages_fit_together(world: World) -> None:
    made = [world.submit().id for _ in range(5)]
    query = RunQuery("default")
    first = world.core.reading.page(query, 2, "")
    world.submit()
    second = world.core.reading.page(query, 2, first.token_after(2))
    third = world.core.reading.page(query, 2, second.token_after(2))
    assert [run.id for page in (first, second, third) for run in page.items] == made[::-1]
    assert third.token_after(1) == ""


def test_filters_go_together(world: World) -> None:
    world.agent()
    running, _ = world.start(tags={"stage": "dev"}, properties={"p": "1"})
    waiting = world.submit(experiment="other", tags={"stage": "prod"})
    replica = world.submit(kind=Kind.REPLICA)
    assert ids(world) == [waiting.id, running.id]
    assert ids(world, kinds=[Kind.REPLICA]) == [replica.id]
    assert ids(world, experiment="other") == [waiting.id]
    assert ids(world, states=[State.RUNNING]) == [running.id]
    assert ids(world, tags={"stage": "dev"}, properties={"p": "1"}) == [running.id]
    assert ids(world, tags={"stage": ""}) == [waiting.id, running.id]
    assert ids(world, tags={"stage": "dev"}, properties={"p": "2"}) == []


def test_states_are_found_as_they_are_shown(world: World) -> None:
    world.agent()
    world.start()
    queued, provisioning = world.submit(), world.submit(pool="gpu")
    assert ids(world, states=[State.QUEUED]) == [queued.id]
    assert ids(world, states=[State.PROVISIONING]) == [provisioning.id]
    assert ids(world, states=[State.QUEUED, State.PROVISIONING]) == [provisioning.id, queued.id]


def test_a_token_of_another_list_is_refused(world: World) -> None:
    world.submit()
    world.submit()
    token = world.core.reading.page(RunQuery("default"), 1, "").token_after(1)
    for query, other in ((RunQuery("default", states=[State.QUEUED]), token), (RunQuery("default"), "nonsense")):
        with pytest.raises(InvalidArgument):
            world.core.reading.page(query, 1, other)


def test_parents_must_exist(world: World) -> None:
    for query, reason in (
        (RunQuery("nowhere"), "WORKSPACE_NOT_FOUND"),
        (RunQuery("default", "nothing"), "EXPERIMENT_NOT_FOUND"),
    ):
        with pytest.raises(NotFound) as caught:
            world.core.reading.page(query, 1, "")
        assert caught.value.reason == reason


def test_tags_change_and_properties_do_not(world: World) -> None:
    run = world.submit(tags={"a": "1", "b": "2"})
    changed = update(
        world, run, set_tags={"a": "3"}, remove_tags=["b", "c"], set_properties={"p": "q"}, display_name="n"
    )
    assert (changed.tags, changed.properties, changed.display_name) == ({"a": "3"}, {"p": "q"}, "n")
    assert update(world, run, set_properties={"p": "q"}) == changed
    with pytest.raises(FailedPrecondition) as caught:
        update(world, run, set_tags={"x": "y"}, set_properties={"p": "other"})
    assert caught.value.reason == "PROPERTY_SET"
    assert world.get(run) == changed


def test_labels_are_checked(world: World) -> None:
    run = world.submit(tags={str(number): "" for number in range(100)})
    with pytest.raises(ResourceExhausted):
        update(world, run, set_tags={"one more": ""})
    with pytest.raises(InvalidArgument):
        update(world, run, set_tags={"": ""})
    with pytest.raises(InvalidArgument):
        update(world, run, display_name="x" * 300)


@pytest.mark.parametrize("labels", [{"a\0": ""}, {"a": "\0"}, {"a" * 256: ""}])
@pytest.mark.parametrize("where", ["tags", "properties"])
def test_labels_that_no_run_can_have_are_refused(world: World, where: str, labels: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ids(world, **{where: labels})
    assert caught.value.violations[0].field == where


@pytest.mark.parametrize("metric", ["a\0", "a" * 256])
def test_a_metric_that_no_run_can_have_is_refused(world: World, metric: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        world.core.events.list_metrics("default", world.submit().id, metric, 10, "")
    assert caught.value.violations[0].field == "metric"
