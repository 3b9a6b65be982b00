"""A sweep of the demo script over a hundred points against the same hundred under xargs, same interpreter."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from orris import Environment, Experiment, ScriptRunConfig, SweepConfig, Workspace
from orris.names import ImageName
from orris.sdk.sweep_space import choice
from orris_kit.virtualenv import python_of
from tests.bench.rows import Row, interleaved, measured, seconds
from tests.bench.runs import DEMO, INSIDE, SCRIPT
from tests.bench.standalone import home_folder, instance

KERNELS, PENALTIES = ("linear", "rbf", "poly", "sigmoid"), tuple(number / 10 for number in range(1, 26))
TRIALS = len(KERNELS) * len(PENALTIES)
ROUNDS = int(os.environ.get("ORRIS_BENCH_ROUNDS", "3"))


def rows() -> Iterator[Row]:
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        environment = Environment.from_conda_specification("iris", DEMO / "conda_dependencies.yml")
        build = environment.build(workspace).wait_for_completion(show_output=False)
        python = python_of(home / "environments" / ImageName.parse(build.image).image)
        folder = shutil.copytree(DEMO, home / "script")
        took = interleaved(
            ROUNDS,
            lambda: seconds(lambda: _sweep(workspace, environment)),
            lambda: seconds(lambda: _bare(folder, python)),
        )
        yield measured(f"sweep: {TRIALS} trials / xargs -P2 python train_iris.py", "s", *took, goal="<= 0.1")


def _sweep(workspace: Workspace, environment: Environment) -> None:
    config = SweepConfig(
        ScriptRunConfig(DEMO, SCRIPT, environment=environment),
        {"kernel": choice(*KERNELS), "penalty": choice(*PENALTIES)},
        "Accuracy",
        max_total_runs=TRIALS,
    )
    sweep = Experiment(workspace, "iris").sweep(config)
    for _ in sweep.watch():
        pass
    assert sweep.status == "Completed", sweep
    assert sweep.sweep_message.counts.completed == TRIALS
    assert sweep.best is not None


def _bare(folder: Path, python: Path) -> None:
    words = "\n".join(f"--kernel {kernel} --penalty {penalty}" for kernel in KERNELS for penalty in PENALTIES)
    command = ["xargs", "-P2", "-L1", str(python), SCRIPT]
    environment = {**os.environ, "PYTHONPATH": str(INSIDE)}
    subprocess.run(command, input=words, text=True, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
