"""What is removed, and what is kept: what somebody refers to, has used lately, or makes right now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris_images.records import State
from orris_images.removing import LEAST_UNUSED
from orris_images.sweeping import sweep
from tests.unit.images.conftest import Machine

OWNER = "workspaces/lab/models/iris/versions/1"
LONG = timedelta(days=30)


@pytest.fixture
def image(machine: Machine) -> str:
    return machine.finish(machine.create("six")).image


def collect(machine: Machine, *, dry_run: bool = False) -> list[str]:
    return [each.image for each in machine.core.removing.collect("lab", LONG, dry_run=dry_run)]


def test_what_is_deleted_is_made_again_from_its_lock(machine: Machine, image: str) -> None:
    machine.core.removing.delete("lab", image)
    assert machine.builder.made == set()
    assert machine.core.images.get("lab", image).collect_time is not None
    assert machine.core.images.list("lab", None, 10) == ([], False)
    with pytest.raises(NotFound):
        machine.core.removing.delete("lab", "none")
    assert machine.core.environments.get("lab", "a").image == ""
    again = machine.finish(machine.create("six"))
    assert (again.image, again.cached, machine.builder.made) == (image, False, {image})
    assert len(machine.resolver.asked) == 1


def test_what_somebody_refers_to_is_not_deleted(machine: Machine, image: str) -> None:
    machine.core.references.set("lab", OWNER, [image])
    with pytest.raises(FailedPrecondition, match=OWNER) as caught:
        machine.core.removing.delete("lab", image)
    assert caught.value.reason == "IMAGE_IN_USE"
    assert machine.builder.made == {image}
    machine.core.references.delete("lab", OWNER)
    machine.core.removing.delete("lab", image)


def test_nothing_is_deleted_where_the_registry_is_away(machine: Machine, image: str) -> None:
    machine.builder.away = Unavailable("no answer", reason="REGISTRY_UNREACHABLE")
    with pytest.raises(Unavailable):
        machine.core.removing.delete("lab", image)
    assert machine.core.images.get("lab", image).collect_time is None


def test_what_is_being_made_is_not_removed(machine: Machine, image: str) -> None:
    machine.builder.go.clear()
    machine.builder.begun.clear()
    build = machine.create("six", refresh=True)
    assert machine.builder.begun.wait(10)
    with pytest.raises(FailedPrecondition) as caught:
        machine.core.removing.delete("lab", image)
    assert caught.value.reason == "IMAGE_BUILDING"
    machine.pass_time(2 * LONG)
    assert collect(machine) == []
    machine.builder.go.set()
    assert machine.finish(build).image == image
    assert machine.builder.made == {image}


def test_what_nobody_has_used_for_long_is_collected_and_its_lock_is_left(machine: Machine, image: str) -> None:
    machine.pass_time(LONG)
    assert collect(machine, dry_run=True) == [image]
    assert machine.builder.made == {image}
    assert collect(machine) == [image]
    assert machine.builder.made == set()
    assert machine.core.images.get("lab", image).collect_time is not None
    assert machine.core.images.list("lab", None, 10) == ([], False)
    assert collect(machine) == []


def test_what_was_collected_is_made_again_when_it_is_needed(machine: Machine, image: str) -> None:
    for restoring in (False, True):
        machine.pass_time(LONG)
        assert collect(machine) == [image]
        build = machine.finish(machine.core.builds.restore("lab", image) if restoring else machine.create("six"))
        assert (build.state, build.image, machine.builder.made) == (State.SUCCEEDED, image, {image})
        assert machine.core.images.get("lab", image).collect_time is None
    assert len(machine.resolver.asked) == 1


def test_what_was_used_is_not_collected(machine: Machine, image: str) -> None:
    machine.pass_time(LONG)
    machine.core.uses.note("lab", image)
    assert collect(machine) == []
    machine.pass_time(LONG)
    assert collect(machine) == [image]


def test_what_somebody_refers_to_is_not_collected(machine: Machine, image: str) -> None:
    machine.core.references.set("lab", OWNER, [image])
    machine.pass_time(LONG)
    assert collect(machine) == []
    machine.core.references.set("lab", OWNER, [])
    assert collect(machine) == [image]


def test_an_image_that_another_workspace_has_takes_its_room_until_it_is_collected_there(
    machine: Machine, image: str
) -> None:
    machine.finish(machine.create("six", workspace="other"))
    machine.pass_time(LONG)
    assert collect(machine) == [image]
    assert machine.builder.made == {image}
    assert [each.image for each in machine.core.removing.collect("other", LONG)] == [image]
    assert machine.builder.made == set()


def test_a_removed_image_that_another_workspace_has_is_there_again_when_it_is_needed(
    machine: Machine, image: str
) -> None:
    machine.finish(machine.create("six", workspace="other"))
    machine.core.removing.delete("lab", image)
    build = machine.core.builds.restore("lab", image)
    assert (build.state, build.cached) == (State.SUCCEEDED, True)
    assert machine.core.images.get("lab", image).collect_time is None
    machine.core.removing.delete("other", image)
    assert machine.builder.made == {image}


def test_an_interpreter_of_its_user_is_never_removed(machine: Machine) -> None:
    image = machine.create_user_managed("/opt/python").image
    machine.pass_time(LONG)
    assert collect(machine) == []
    machine.builder.made = {image}
    machine.core.removing.delete("lab", image)
    assert machine.builder.made == {image}


def test_a_time_in_which_runs_do_not_ask_again_is_refused(machine: Machine) -> None:
    with pytest.raises(InvalidArgument) as caught:
        machine.core.removing.collect("lab", LEAST_UNUSED - timedelta(seconds=1))
    assert caught.value.reason == "UNUSED_TOO_SHORT"


def test_a_reference_to_what_is_not_there_is_refused_and_changes_nothing(machine: Machine, image: str) -> None:
    machine.core.references.set("lab", OWNER, [image])
    with pytest.raises(FailedPrecondition) as caught:
        machine.core.references.set("lab", OWNER, ["gone"])
    assert caught.value.reason == "TARGET_MISSING"
    assert machine.core.images.get("lab", image).owners == (OWNER,)
    for owner in ("workspaces/other/models/iris/versions/1", "workspaces/lab/", "workspaces/lab/x\n", "x" * 2000):
        with pytest.raises(InvalidArgument):
            machine.core.references.set("lab", owner, [image])
    with pytest.raises(InvalidArgument):
        machine.core.references.set("lab", OWNER, [f"i{n}" for n in range(101)])


def test_an_image_names_its_environments(machine: Machine, image: str) -> None:
    machine.finish(machine.create("six", name="b"))
    names = ("workspaces/lab/environments/a/versions/1", "workspaces/lab/environments/b/versions/1")
    assert machine.core.images.get("lab", image).environments == names
    assert machine.core.images.list("lab", None, 10)[0][0].environments == names


async def test_the_sweep_goes_on_where_the_registry_was_away(machine: Machine, image: str) -> None:
    machine.builder.away = Unavailable("no answer", reason="REGISTRY_UNREACHABLE")
    machine.pass_time(LONG)
    pauses = 0

    async def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 3:
            machine.builder.away = None
        if pauses == 4:
            raise EOFError

    with pytest.raises(EOFError):
        await sweep(machine.core.removing, LONG, timedelta(hours=1), pause)
    assert machine.builder.made == set()
