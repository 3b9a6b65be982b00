"""A warm run of the demo's script, from submit to Completed, against the same script under the same interpreter."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import orris_agent
from orris import Environment, Experiment, ScriptRunConfig, Workspace
from orris.names import ImageName
from orris_kit.virtualenv import python_of
from tests.bench.programs import output
from tests.bench.rows import Row, interleaved, measured, seconds
from tests.bench.standalone import home_folder, instance

DEMO = Path(__file__).parents[2] / "demo" / "train_iris"
SCRIPT, ARGUMENTS = "train_iris.py", ["--kernel", "linear", "--penalty", "1.0"]
INSIDE = Path(orris_agent.__file__).parent / "inside"
REPETITIONS, WARM_UP = 9, 2


def rows() -> Iterator[Row]:
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        environment = Environment.from_conda_specification("iris", DEMO / "conda_dependencies.yml")
        build = environment.build(workspace).wait_for_completion(show_output=False)
        python = python_of(home / "environments" / ImageName.parse(build.image).image)
        folder = shutil.copytree(DEMO, home / "script")
        took = interleaved(
            WARM_UP + REPETITIONS,
            lambda: seconds(lambda: _submit(workspace, environment)),
            lambda: seconds(lambda: _bare(folder, python)),
        )
        ours, reference = (each[WARM_UP:] for each in took)
        yield measured("run: submit to Completed / python train_iris.py", "s", ours, reference, goal="<= 1.5")


def _submit(workspace: Workspace, environment: Environment) -> None:
    config = ScriptRunConfig(DEMO, SCRIPT, arguments=ARGUMENTS, environment=environment)
    details = Experiment(workspace, "iris").submit(config).wait_for_completion()
    assert details["status"] == "Completed", details


def _bare(folder: Path, python: Path) -> None:
    command = [str(python), SCRIPT, *ARGUMENTS]
    environment = {**os.environ, "PYTHONPATH": str(INSIDE)}
    output(command, cwd=folder, env=environment)
