"""A sweep of a hundred trials against the same hundred under Ray Tune, the same packages, the same two processors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from orris import Environment, Experiment, ScriptRunConfig, SweepConfig, Workspace
from orris.sdk.sweep_space import choice
from tests.bench.programs import output
from tests.bench.rows import Row, interleaved, measured, seconds, skipped
from tests.bench.standalone import home_folder, instance
from tests.bench.sweeps import KERNELS, PENALTIES, TRIALS
from tests.conftest import missing
from tests.servers.ray_cluster import ray_versions

SCRIPTS = Path(__file__).parent / "scripts" / "iris"
TUNE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orris-ci" / "ray-tune"
PACKAGES = ("scikit-learn==1.7.2", "numpy==2.3.5", "scipy==1.16.3", "joblib==1.5.2")
UV = str(Path(sys.executable).with_name("uv"))
ROUNDS = 1  # one of Tune's takes minutes
ROW, GOAL = f"sweep: {TRIALS} trials / Ray Tune on the same two processors", "<= 1"
REUSING = f"{ROW}, its actors reused"
NOTE = "a trial of Tune is a call in an actor with a folder of its own: no snapshot, no log, nothing kept elsewhere"


def rows() -> Iterator[Row]:
    reason = missing("ray")
    try:
        python = None if reason else _tune()
    except RuntimeError as error:
        python, reason = None, f"there is no ray[tune] to be had: {error}"
    if python is None:
        yield from (skipped(row, "s", goal, str(reason)) for row, goal in ((ROW, GOAL), (REUSING, "")))
        return
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        environment = iris_environment(workspace)
        ours, theirs, reusing = interleaved(
            ROUNDS,
            lambda: seconds(lambda: _sweep(workspace, environment)),
            lambda: _tuned(home / "tune", python, reuse=False),
            lambda: _tuned(home / "reusing", python, reuse=True),
        )
        yield measured(ROW, "s", ours, theirs, goal=GOAL, note=NOTE)
        yield measured(REUSING, "s", ours, reusing)


def iris_environment(workspace: Workspace) -> Environment:
    """Return an environment that is made, with what the scripts need."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = Environment("beside-ray", pip_packages=list(PACKAGES), python_version=minor)
    environment.build(workspace).wait_for_completion(show_output=False)
    return environment


def _tune() -> Path:
    """Return an interpreter with Ray Tune and the same packages, made once. Raises RuntimeError."""
    python, complete = TUNE / "bin" / "python", TUNE / "complete"
    if not complete.exists():
        output([UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(TUNE)])
        wanted = [f"ray[tune]=={ray_versions().ray}", *PACKAGES]
        output([UV, "pip", "install", "--quiet", "--python", str(python), *wanted])
        complete.touch()
    return python


def _tuned(folder: Path, python: Path, reuse: bool) -> float:
    space = json.dumps({"kernel": KERNELS, "penalty": PENALTIES})
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(SCRIPTS)}
    command = [str(python), str(SCRIPTS / "tuned.py"), str(folder), space, json.dumps(reuse)]
    return float(output(command, env=environment).splitlines()[-1])


def _sweep(workspace: Workspace, environment: Environment) -> None:
    config = SweepConfig(
        ScriptRunConfig(SCRIPTS, "trial.py", environment=environment),
        {"kernel": choice(*KERNELS), "penalty": choice(*PENALTIES)},
        "Accuracy",
        max_total_runs=TRIALS,
    )
    sweep = Experiment(workspace, "iris").sweep(config)
    for _ in sweep.watch():
        pass
    assert sweep.sweep_message.counts.completed == TRIALS, sweep
