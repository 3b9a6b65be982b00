"""What comes with Orris: kept though nobody uses it, and the same in every workspace."""

from __future__ import annotations

from datetime import timedelta

from orris.errors import FailedPrecondition
from orris_images.curated import CURATED, CURATED_VERSION
from orris_images.records import Build, State, overlay_target
from orris_images.schema import locks
from orris_kit.database import write
from tests.unit.images.conftest import Machine

NAME = "orris-sklearn"
LONG = timedelta(days=30)


def curated(machine: Machine, workspace: str = "lab", *, refresh: bool = False) -> Build:
    target = f"{NAME}/versions/{CURATED_VERSION}"
    return machine.finish(machine.core.builds.create(workspace, target, CURATED[NAME], refresh=refresh))


def added(machine: Machine, image: str) -> Build:
    """Have a service add something to an image."""
    spec = machine.core.images.overlay("lab", image, ["onnx"])
    return machine.finish(machine.core.builds.create("lab", overlay_target(spec), spec))


def collected(machine: Machine) -> set[str]:
    machine.pass_time(2 * LONG)
    return {each.image for each in machine.core.removing.collect("lab", LONG)}


def test_it_is_kept_with_what_services_add_to_it_and_nothing_else_is(machine: Machine) -> None:
    own = machine.finish(machine.create("six"))
    kept = curated(machine)
    conversion, other = added(machine, kept.image), added(machine, own.image)
    assert collected(machine) == {own.image, other.image}
    assert {kept.image, conversion.image} <= machine.builder.made


def test_what_a_refresh_has_replaced_is_collected(machine: Machine) -> None:
    before = curated(machine)
    conversion = added(machine, before.image)
    machine.resolver.now = "2"
    after = curated(machine, refresh=True)
    assert collected(machine) == {before.image, conversion.image}
    assert machine.builder.made == {after.image}


def test_it_can_be_deleted_all_the_same(machine: Machine) -> None:
    image = curated(machine).image
    machine.core.removing.delete("lab", image)
    assert machine.builder.made == set()


def test_a_second_workspace_takes_the_versions_of_the_first(machine: Machine) -> None:
    first = curated(machine)
    machine.resolver.now = "2"
    second = curated(machine, "other")
    assert second.image == first.image
    assert len(machine.resolver.asked) == 1
    assert curated(machine, "third", refresh=True).image != first.image
    assert curated(machine, "other").image == first.image


def test_versions_that_cannot_be_installed_are_not_passed_on(machine: Machine) -> None:
    machine.builder.error = FailedPrecondition("the index has withdrawn a file")
    assert curated(machine).state is State.FAILED
    machine.builder.error = None
    assert curated(machine, "other").state is State.SUCCEEDED
    assert len(machine.resolver.asked) == 2


def test_what_a_workspace_has_defined_itself_no_other_is_told(machine: Machine) -> None:
    machine.finish(machine.create("six"))
    machine.resolver.now = "2"
    machine.finish(machine.create("six", workspace="other"))
    assert len(machine.resolver.asked) == 2


def test_versions_for_a_python_that_is_gone_are_chosen_anew(machine: Machine) -> None:
    curated(machine)
    with write(machine.engine) as connection:
        text = connection.execute(locks.select()).one().lock
        connection.execute(locks.update().values(lock=text.replace("3.11.7", "3.9.1")))
    ended = curated(machine, "other")
    assert len(machine.resolver.asked) == 2
    assert "but not here" in machine.log(ended)
    assert machine.core.images.get("other", ended.image).lock.python_version == "3.11.7"
