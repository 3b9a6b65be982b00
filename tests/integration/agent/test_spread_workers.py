"""Workers of a run that is spread over a real Ray cluster, whose machines are lost below them."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

import orris_agent
from tests.e2e.processes import wait_until
from tests.servers.ray_cluster import RayCluster

pytestmark = pytest.mark.needs("ray")

INSIDE = Path(orris_agent.__file__).parent / "inside"
SECONDS = 60.0
# Does some work of which each piece says that it has begun, and waits until it may go on.
PROGRAM = """
import os, sys, time
from orris_workers import Workers

def work(number, folder):
    open(f"{folder}/working-{number}-{os.getpid()}", "w").close()
    while not os.path.exists(f"{folder}/go"):
        time.sleep(0.05)
    return number

workers = Workers(2)
print(workers.pool.map(lambda number: workers.call(work, (number, sys.argv[1]), {}), range(4), chunksize=1))
"""
# Does work whose result is large and stays where it was done, until somebody wants it: here when it may go on.
LARGE = """
import os, sys, time
import ray
from orris_workers import Workers

get = ray.get

def get_later(reference):
    ray.wait([reference], fetch_local=False)
    open(f"{sys.argv[1]}/working-{reference.hex()}", "w").close()
    while not os.path.exists(f"{sys.argv[1]}/go"):
        time.sleep(0.05)
    return get(reference)

workers = Workers(1)
workers.call(int, (), {})
ray.get = get_later
print(len(workers.call(bytes, (10_000_000,), {})))
"""
# Where it is told to, a worker gets no further than to its beginning.
BEGINS = 'if [ "$STUCK" ]; then touch "$STUCK/beginning-$$"; exec sleep 1000; fi; exec "$@"'


def started(cluster: RayCluster, folder: Path, program: str = PROGRAM) -> subprocess.Popen[str]:
    """Start a program as an agent would, in a snapshot of its own."""
    (snapshot := folder / "snapshot").mkdir()
    command = ["sh", "-c", BEGINS, "sh", str(cluster.python)]
    told = {
        "ORRIS_RAY_ADDRESS": cluster.address,
        "ORRIS_RAY_PROCESSORS": "0",
        "ORRIS_RAY_SNAPSHOT": str(snapshot),
        "ORRIS_RAY_WORKER": shlex.join(command),
        "ORRIS_RUN_FOLDER": str(folder),
        "PYTHONPATH": f"{INSIDE / 'orris_joblib'}:{INSIDE}",
    }
    return subprocess.Popen(
        [cluster.python, "-c", program, folder],
        cwd=snapshot,
        env={**cluster.environment(), **told},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(program: subprocess.Popen[str], count: int, files: Path) -> None:
    """Wait until so many processes have said something, or the program has ended."""
    wait_until(lambda: len(list(files.parent.glob(files.name))) == count or program.poll() is not None, SECONDS)


def test_machines_that_are_lost_cost_their_workers_and_none_of_the_work(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """The first while workers begin there, the second while they work: what they did is done by those of the third."""
    with ExitStack() as machines:
        kill_first = machines.enter_context(ray_cluster.joined(2, STUCK=str(tmp_path)))
        with started(ray_cluster, tmp_path) as program:
            wait_for(program, 2, tmp_path / "beginning-*")
            kill_second = machines.enter_context(ray_cluster.joined(2))
            kill_first()
            wait_for(program, 2, tmp_path / "working-*")
            machines.enter_context(ray_cluster.joined(2))
            kill_second()
            wait_for(program, 4, tmp_path / "working-*")
            (tmp_path / "go").touch()
            said, complained = program.communicate(timeout=SECONDS)
    assert (program.returncode, "[0, 1, 2, 3]" in said.splitlines()) == (0, True), said + complained
    first, second, *_ = map(json.loads, (tmp_path / "journal.jsonl").read_text().splitlines())
    assert first["text"].startswith(f"a machine of the cluster was lost, {socket.gethostname()}: health check failed")
    assert socket.gethostname() in second["text"]
    assert "was lost" in second["text"]


def test_a_result_that_is_lost_with_the_machine_it_was_left_on_is_computed_again(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    with ExitStack() as machines:
        kill = machines.enter_context(ray_cluster.joined(1))
        with started(ray_cluster, tmp_path, LARGE) as program:
            wait_for(program, 1, tmp_path / "working-*")
            kill()
            machines.enter_context(ray_cluster.joined(1))
            (tmp_path / "go").touch()
            said, complained = program.communicate(timeout=SECONDS)
    assert (program.returncode, "10000000" in said.splitlines()) == (0, True), said + complained
    (lost,) = map(json.loads, (tmp_path / "journal.jsonl").read_text().splitlines())
    assert "was lost" in lost["text"]
