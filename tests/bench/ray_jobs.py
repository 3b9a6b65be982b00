"""From a submit to the script's first line: a run of a pool on Ray whose node is warm, and a job of that cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orris import Environment, Experiment, ScriptRunConfig, Workspace
from orris.sdk.pools import Pool
from tests.bench.ray_tune import iris_environment
from tests.bench.rows import Row, interleaved, measured, skipped
from tests.bench.standalone import home_folder, instance
from tests.conftest import missing
from tests.servers.ray_cluster import RESOURCE, RayCluster, ray_cluster

SCRIPTS = Path(__file__).parent / "scripts"
REPETITIONS, WARM_UP = 7, 2
NODE_SECONDS = 60
ROW, GOAL = "pool on Ray: submit to first line, warm node / ray job submit, each by its library", "<= 0.1"


def rows() -> Iterator[Row]:
    if reason := missing("ray"):
        yield skipped(ROW, "s", GOAL, reason)
        return
    with ray_cluster(dashboard=True) as cluster, home_folder() as home, _told_of(cluster), instance(home):
        workspace = Workspace.get("default")
        environment = iris_environment(workspace)
        with _pool(home), _jobs(cluster) as job:
            took = interleaved(WARM_UP + REPETITIONS, lambda: _until_started(workspace, environment), job)
        yield measured(ROW, "s", *(each[WARM_UP:] for each in took), goal=GOAL)


@contextmanager
def _told_of(cluster: RayCluster) -> Iterator[None]:
    """Let services that are started here find the cluster."""
    told = {
        "ORRIS_RUNS_RAY_PYTHON": str(cluster.python),
        "ORRIS_RUNS_RAY_ADDRESS": cluster.address,
        "ORRIS_RUNS_RAY_TOKEN_FILE": str(cluster.token_file),
    }
    os.environ.update(told)
    try:
        yield
    finally:
        for name in told:
            del os.environ[name]


@contextmanager
def _pool(home: Path) -> Iterator[None]:
    """Keep a pool of one node, which is there."""
    options = {"resource": RESOURCE, "python": sys.executable, "folder": str(home / "machine")}
    pool = Pool.create("rack", engine="ray", min_nodes=1, max_nodes=1, options=options)
    try:
        pool.wait_for_nodes(1, NODE_SECONDS)
        yield
    finally:
        pool.delete()
        pool.wait_until_gone(NODE_SECONDS)


@contextmanager
def _jobs(cluster: RayCluster) -> Iterator[Callable[[], float]]:
    """Give a function that has Ray execute a job, and returns how long its script took to begin."""
    command = [str(cluster.python), str(SCRIPTS / "jobs.py"), cluster.dashboard, str(SCRIPTS)]
    with subprocess.Popen(
        command, env=cluster.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"

        def job() -> float:
            print(file=program.stdin, flush=True)
            return float(program.stdout.readline())  # type: ignore[union-attr]  # see above

        yield job
        program.stdin.close()


def _until_started(workspace: Workspace, environment: Environment) -> float:
    begin = time.time()
    config = ScriptRunConfig(SCRIPTS, "started.py", environment=environment, compute_target="rack")
    run = Experiment(workspace, "started").submit(config)
    assert run.wait_for_completion()["status"] == "Completed", run
    return float(run.get_logs().split()[-1]) - begin
