"""Which runs can be spread over a Ray cluster, and what they are given for that."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orris import errors
from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.ray_cluster import RayCluster
from orris_agent.runtimes.warm.safety import why_no_fork
from orris_agent.spreading import Spreading, check_not_spread
from orris_agent.worker import IMAGE_FILE

SPREAD = runs.Run(name="workspaces/lab/runs/r1", pool="rack", script="a.py", distribution=runs.DISTRIBUTION_JOBLIB)
CLUSTER = RayCluster("head:6379", Path("/agent/ray.token"), "2.60.0", "3.11.9")


def image_of(
    package: str = "ray", version: str = "2.60.0", python: str = "3.11.4", interpreter: str = ""
) -> images.Image:
    packages = [images.Package(name="joblib", version="1.6.0"), images.Package(name=package, version=version)]
    lock = images.Lock(packages=packages, python_version=python, interpreter=interpreter)
    return images.Image(name="workspaces/lab/images/i1", lock=lock)


def check(image: images.Image, cluster: RayCluster | None = CLUSTER) -> None:
    Spreading(cluster, Path("/environments")).check(SPREAD, image)


def test_the_environment_has_the_clusters_ray_and_python() -> None:
    check(image_of())


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (image_of("ray-tools"), r"has no Ray, and the cluster has Ray 2\.60\.0: add ray==2\.60\.0"),
        (image_of(version="2.59.0"), r"has Ray 2\.59\.0, and .*: add ray==2\.60\.0"),
        (image_of(python="3.12.1"), r"has Python 3\.12\.1, and the cluster has 3\.11\.9: ask for python=3\.11"),
        (image_of(interpreter="/usr/bin/python3"), "let Orris make the environment"),
    ],
)
def test_another_environment_is_refused_with_what_to_do(image: images.Image, what: str) -> None:
    with pytest.raises(errors.FailedPrecondition, match=what):
        check(image)


def test_a_machine_in_no_cluster_spreads_nothing() -> None:
    with pytest.raises(errors.FailedPrecondition, match="pool 'rack' are not in a Ray cluster"):
        check(image_of(), cluster=None)


def test_a_container_is_not_spread_whoever_wanted_it() -> None:
    check_not_spread(runs.Run(pool="rack"))
    with pytest.raises(errors.FailedPrecondition, match="runs of pool 'rack' are containers"):
        check_not_spread(SPREAD)


def test_other_runs_are_none_of_its_business(tmp_path: Path) -> None:
    run = runs.Run(name=SPREAD.name, script="a.py")
    nowhere = Spreading(None, Path("/environments"))
    nowhere.check(run, image_of("none"))
    assert nowhere.variables(agents.Lease(run=run), RunFolder(tmp_path), {}) == {}


def test_a_run_is_told_of_the_cluster_and_its_workers_get_what_was_submitted(tmp_path: Path) -> None:
    """Its token is named by the file it is in: variables are read by more than the run."""
    folder = RunFolder(tmp_path)
    folder.work.mkdir()
    (folder.work / "features.py").write_text("pass")
    lease = agents.Lease(run=SPREAD, image=image_of())
    given = Spreading(CLUSTER, Path("/environments")).variables(lease, folder, {"PYTHONPATH": "/inside"})
    assert given["ORRIS_RAY_ADDRESS"] == "head:6379"
    assert given["RAY_AUTH_TOKEN_PATH"] == "/agent/ray.token"
    assert given["PYTHONPATH"].endswith("inside/orris_joblib:/inside")
    aside = Path(given["ORRIS_RAY_SNAPSHOT"])
    assert (aside / "features.py").read_text() == "pass"
    assert images.Image.FromString((aside / IMAGE_FILE).read_bytes()) == lease.image


@pytest.mark.parametrize(
    ("environments", "told"),
    [("/home/ada/.orris/environments", "~/.orris/environments"), ("/srv/environments", "/srv/environments")],
)
def test_workers_find_environments_in_the_home_of_their_own_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environments: str, told: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    folder = RunFolder(tmp_path)
    folder.work.mkdir()
    lease = agents.Lease(run=SPREAD, image=image_of())
    given = Spreading(CLUSTER, Path(environments)).variables(lease, folder, {"PYTHONPATH": "/inside"})
    assert shlex.split(given["ORRIS_RAY_WORKER"])[-1] == told


def an_interpreter(folder: Path, says: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python3"
    python.write_text(f"#!/bin/sh\n{says}\n")
    python.chmod(0o755)
    return python


def missing(folder: Path) -> Path:
    return folder / "python3"


def broken(folder: Path) -> Path:
    return an_interpreter(folder, "echo 'libpython3.11.so.1.0: no such file' >&2; exit 127")


def without_the_agent(folder: Path) -> Path:
    return an_interpreter(folder, f'exec {sys.executable} -S "$@"')


@pytest.mark.parametrize("agents_python", [missing, broken, without_the_agent])
def test_a_worker_begins_in_rays_own_python_on_a_machine_that_lacks_the_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agents_python: Callable[[Path], Path]
) -> None:
    """It can say so there; what does not begin Ray would try for ever."""
    python = agents_python(tmp_path / "the agent's")
    monkeypatch.setattr(sys, "executable", str(python))
    folder = RunFolder(tmp_path)
    folder.work.mkdir()
    given = Spreading(CLUSTER, Path("/environments")).variables(
        agents.Lease(run=SPREAD, image=image_of()), folder, {"PYTHONPATH": "/inside"}
    )
    an_interpreter(tmp_path / "its own", 'echo "$*"; echo "$ORRIS_WORKER_INSTALLS"')
    program = tmp_path / "its own" / "lib" / "python3.11" / "ray" / "worker.py"
    command = f"exec {given['ORRIS_RAY_WORKER']} {shlex.quote(str(program))} --node 1"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    installs = shlex.join([str(python), "-E", "-P", "-m", "orris_agent.worker", "/environments"])
    assert said.stdout == f"{program} --node 1\n{installs}\n"


def test_the_agents_python_is_enough_to_begin_a_worker_by() -> None:
    """What else is missing there, an agent's package say, is what the worker then says of itself."""
    loaded = "import sys, orris_agent.worker; print('google.protobuf' in sys.modules, 'pydantic' in sys.modules)"
    said = subprocess.run([sys.executable, "-E", "-P", "-c", loaded], capture_output=True, text=True, check=True)
    assert said.stdout == "False False\n"


def test_a_run_that_is_spread_starts_fresh() -> None:
    assert "told of the cluster" in why_no_fork(agents.Lease(run=SPREAD, image=image_of()))
