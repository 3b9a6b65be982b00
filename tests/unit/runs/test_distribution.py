"""Runs whose work is spread over the machines of their pool."""

from dataclasses import replace
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2 as pb
from orris_runs.demands import Demands, Isolation
from orris_runs.model import Distribution, Kind, Program
from orris_runs.translation import new_run, run_message

from .conftest import World

TREE = f"workspaces/default/trees/{'0' * 64}"
PROGRAM = Program(script="train.py", snapshot=TREE, distribution=Distribution.JOBLIB)


def test_the_distribution_is_kept_with_the_run(world: World) -> None:
    run = world.submit(program=PROGRAM)
    assert run_message(world.get(run)).distribution == pb.DISTRIBUTION_JOBLIB


@pytest.mark.parametrize(
    "changed",
    [
        {"program": replace(PROGRAM, script="", command=["make"])},
        {"kind": Kind.CONVERSION},
        {"demands": Demands(Isolation.CONTAINER)},
    ],
)
def test_only_scripts_in_processes_that_train_are_spread(world: World, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=r"run\.distribution"):
        world.submit(**{"program": PROGRAM, **changed})


def test_an_unknown_distribution_is_refused() -> None:
    run = pb.Run(experiment="workspaces/default/experiments/iris", script="train.py", snapshot=TREE)
    run.distribution = 17  # type: ignore[assignment]  # what a newer client may send
    with pytest.raises(InvalidArgument, match=r"run\.distribution: 17"):
        new_run("workspaces/default", run, "ada")
