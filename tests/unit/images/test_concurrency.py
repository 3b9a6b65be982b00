"""Many at a time, and a database that is away for a while."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from orris_images import building
from orris_images.records import State
from orris_images.spec import Spec
from orris_kit.database import DatabaseUnavailable
from orris_kit.database.traits import traits_of
from tests.unit.images.conftest import Machine
from tests.unit.threads import AT_ONCE, at_once


def test_versions_of_one_environment_count_up(machine: Machine) -> None:
    create = machine.core.environments.create
    specs = [Spec(packages=(f"p{number}",)) for number in range(AT_ONCE)]
    made = at_once([partial(create, "lab", "mine", spec, b"sent") for spec in specs])
    assert sorted(int(each.version) for each in made) == list(range(1, AT_ONCE + 1))


def test_targets_of_one_specification_that_end_together_all_have_its_image(machine: Machine) -> None:
    machine.builder.go.clear()
    builds = [machine.create("six", name=name) for name in "abcd"]
    machine.builder.go.set()
    assert {machine.finish(build).state for build in builds} == {State.SUCCEEDED}


def test_a_build_goes_on_when_its_database_is_back(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "RETRY_SECONDS", 0.01)
    refused = threading.Event()

    def away() -> None:
        refused.set()
        raise DatabaseUnavailable("away", reason="DATABASE_UNREACHABLE")

    machine.builder.go.clear()
    build = machine.create("six")
    assert machine.builder.begun.wait(10)
    traits = traits_of(machine.engine)
    traits.gate, there = away, traits.gate
    machine.builder.go.set()
    assert refused.wait(10)
    traits.gate = there
    assert machine.finish(build).state is State.SUCCEEDED
    assert "installing 1 packages" in machine.log(build)
