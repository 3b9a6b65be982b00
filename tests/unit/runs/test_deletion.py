"""Archived runs are out of sight, deleted ones are gone, and what belonged to them is removed."""

import pytest
from sqlalchemy import func, select

from orris.errors import FailedPrecondition, NotFound
from orris.names import RunName
from orris_runs.model import STD_LOG, Kind, MetricPoint, MetricType, Run, TagChange
from orris_runs.reading import RunQuery
from orris_runs.schema import metadata
from orris_runs.states import State

from .conftest import World

EMPTIED = (
    *("runs", "logs", "log_rows", "log_blobs", "run_tags", "run_properties", "run_labels_before"),
    *("metrics", "metric_summaries"),
)


def listed(world: World, **query: object) -> list[str]:
    page = world.core.reading.page(RunQuery("default", **query), 100, "")  # type: ignore[arg-type]
    return [run.id for run in page.items]


def full_run(world: World) -> Run:
    """Return an ended run with rows in every table."""
    run, lease = world.start(tags={"k": "v"}, properties={"p": "q"}, max_retries=1)
    world.core.logs.append(lease, STD_LOG, 0, b"x" * 300_000, False)
    point = MetricPoint("a", MetricType.SCALAR, world.clock.now(), value=1)
    world.core.events.append(lease, 0, [*[point] * 10, TagChange("k", "w")])
    world.finish(lease)
    segment = world.core.archive.next()
    assert segment is not None
    world.core.archive.moved(segment, "d" * 64)
    return run


def counts(world: World) -> dict[str, int]:
    with world.engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one()
            for name in EMPTIED
        }


def test_lists_leave_archived_runs_out_unless_they_are_asked_for_them(world: World) -> None:
    first, second = world.submit(), world.submit()
    assert world.core.deletion.set_archived("default", first.id, True).archived
    assert listed(world) == [second.id]
    assert listed(world, archived=(True,)) == [first.id]
    assert listed(world, archived=(False, True)) == [second.id, first.id]
    assert listed(world, experiment="iris") == [second.id]
    assert world.get(first).archived
    assert not world.core.deletion.set_archived("default", first.id, False).archived
    assert listed(world) == [second.id, first.id]


def test_pages_of_several_kinds_go_on_where_the_last_ended(world: World) -> None:
    made = []
    for number in range(9):
        run = world.submit(kind=Kind.CONVERSION if number % 3 == 0 else Kind.TRAINING)
        world.core.deletion.set_archived("default", run.id, number % 2 == 0)
        made.append(run.id)
    query = RunQuery("default", kinds=(Kind.TRAINING, Kind.CONVERSION), archived=(True, False))
    found: list[str] = []
    token = ""
    while True:
        page = world.core.reading.page(query, 2, token)
        found += [run.id for run in page.items]
        if not (token := page.token_after(len(page.items))):
            break
    assert found == made[::-1]


def test_children_are_listed_by_their_parent_and_left_out_of_roots(world: World) -> None:
    parent = world.submit()
    child = world.submit(parent_run=parent.name)
    assert listed(world) == [child.id, parent.id]
    assert listed(world, roots_only=True) == [parent.id]
    assert listed(world, parent_run=parent.name) == [child.id]


def test_a_deleted_run_is_gone_at_once_and_nothing_of_it_is_left(world: World) -> None:
    world.agent()
    run, other = full_run(world), full_run(world)
    before = counts(world)
    world.core.deletion.delete("default", run.id)
    assert listed(world) == [other.id]
    with pytest.raises(NotFound):
        world.get(run)
    with pytest.raises(NotFound):
        world.core.deletion.delete("default", run.id)
    name = RunName("default", run.id)
    assert name in world.core.loose.due()
    needs = world.core.archive.needs(name)
    assert (needs.trees, needs.blobs) == ([], [])
    world.reopen()
    while world.core.deletion.remove_some():
        pass
    after = counts(world)
    assert {name: count * 2 for name, count in after.items()} == before
    assert world.get(other).tags == {"k": "w"}


def test_what_has_not_ended_is_not_deleted(world: World) -> None:
    world.agent()
    run, lease = world.start()
    with pytest.raises(FailedPrecondition) as caught:
        world.core.deletion.delete("default", run.id)
    assert caught.value.reason == "RUN_ACTIVE"
    world.finish(lease, State.FAILED)
    world.core.deletion.delete("default", run.id)


def test_children_are_deleted_first_or_with_their_parent(world: World) -> None:
    world.agent()
    parent, lease = world.start()
    world.finish(lease)
    child, lease = world.start(parent_run=parent.name)
    with pytest.raises(FailedPrecondition) as caught:
        world.core.deletion.delete("default", parent.id)
    assert caught.value.reason == "RUN_HAS_CHILDREN"
    assert child.id in caught.value.message
    with pytest.raises(FailedPrecondition) as caught:
        world.core.deletion.delete("default", parent.id, children=True)
    assert caught.value.reason == "RUN_ACTIVE"
    assert len(listed(world)) == 2, "bad input changes nothing"
    world.finish(lease)
    world.core.deletion.delete("default", parent.id, children=True)
    assert listed(world) == []


def test_experiments_are_archived_and_deleted_without_runs_only(world: World) -> None:
    world.agent()
    experiments = world.core.experiments
    run, lease = world.start()
    world.finish(lease)
    assert experiments.set_archived("default", "iris", True).archived
    assert experiments.list("default", 10, "")[0] == []
    assert [each.id for each in experiments.list("default", 10, "", [True, False])[0]] == ["iris"]
    with pytest.raises(FailedPrecondition) as caught:
        experiments.delete("default", "iris")
    assert caught.value.reason == "EXPERIMENT_HAS_RUNS"
    world.core.deletion.delete("default", run.id)
    experiments.delete("default", "iris")
    with pytest.raises(NotFound):
        experiments.get("default", "iris")
    world.submit()
    assert not experiments.get("default", "iris").archived, "it comes into being anew with its first run"
