"""A pool on a real Ray cluster, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orris.sdk.experiment import Experiment
from orris.sdk.script_run_config import ScriptRunConfig
from orris.sdk.workspace import Workspace
from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import processes_of, wait_until
from tests.servers.ray_cluster import MOST_NODES, RESOURCE, RayCluster, ray_versions

pytestmark = [pytest.mark.needs("ray"), pytest.mark.needs("pypi")]

SPREAD = Path(__file__).parent / "scripts" / "spread"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
RUNS = 30
# So long a run waits for a file that a test writes.
WAITS = """
import os, sys, time
print("begun", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
print("done", flush=True)
"""
# The same; before that, it says once more something when it is asked to.
SAYS_MORE = """
import os, sys, time
go, say = sys.argv[1], sys.argv[1] + ".say"
print("begun", flush=True)
while not os.path.exists(go):
    if os.path.exists(say):
        print("said while nobody listened", flush=True)
        os.remove(say)
    time.sleep(0.05)
print("done", flush=True)
"""
# Has work done until some of it was done on another machine.
ELSEWHERE = """
import os, sys, time
from joblib import Parallel, delayed

def work(number, done):
    import packaging
    if os.environ.get("WHICH_MACHINE") == "another":
        open(done, "w").close()
    while not os.path.exists(done):
        time.sleep(0.05)
    return packaging.__version__

print("done with packaging", *set(Parallel(n_jobs=-1)(delayed(work)(number, sys.argv[1]) for number in range(12))))
"""
# Has work done until the run was warned of a machine that does none; the cluster may lose another meanwhile, of before.
WARNED = """
import os, time
from joblib import Parallel, delayed

def work(number, journal):
    import packaging
    while not os.path.exists(journal) or "does no work" not in open(journal).read():
        time.sleep(0.05)
    return packaging.__version__

journal = os.environ["ORRIS_RUN_FOLDER"] + "/journal.jsonl"
print("done with packaging", *set(Parallel(n_jobs=-1)(delayed(work)(number, journal) for number in range(12))))
"""
SECONDS = 120.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("on-ray")


@pytest.fixture(scope="module")
def orris(home: Path, ray_cluster: RayCluster) -> Iterator[Orris]:
    """An instance with a pool on the cluster: no node, and three at most."""
    run = command_line(home, home, **settings(ray_cluster))
    run("up", "-d")
    run("pools", "create", "rack", "--max", str(MOST_NODES), "--idle", "2s", *on_ray(home, processors="3"))
    yield run
    run("pools", "delete", "rack")
    wait_until(lambda: "rack" not in run("pools", "list").stdout, SECONDS)
    run("down")
    wait_until(lambda: not processes_of(home))


def settings(cluster: RayCluster) -> dict[str, str]:
    """Return what an instance is told so that it finds the cluster; leases are short."""
    return {
        "ORRIS_RUNS_RAY_PYTHON": str(cluster.python),
        "ORRIS_RUNS_RAY_ADDRESS": cluster.address,
        "ORRIS_RUNS_RAY_TOKEN_FILE": str(cluster.token_file),
        "ORRIS_RUNS_RAY_CALL_SECONDS": "10",
        "ORRIS_RUNS_LEASE_DURATION": "12",
        "ORRIS_RUNS_LEASE_MARGIN": "3",
    }


def on_ray(home: Path, **more: str) -> list[str]:
    """Return what a pool is created with whose machines have their things in a home."""
    options = {"resource": RESOURCE, "python": sys.executable, "folder": str(home / "machine"), **more}
    return ["--engine", "ray", *(word for name, text in options.items() for word in ("--option", f"{name}={text}"))]


def pool(orris: Orris) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("pools", "show", "rack", "--gone", "--json").stdout)
    return found


def live_nodes(orris: Orris) -> list[dict[str, Any]]:
    return [node for node in pool(orris)["nodes"] if node["state"] != "Gone"]


def submitted(orris: Orris, folder: Path, *more: str, script: str = WAITS) -> str:
    """Submit a run that waits until there is a file `go`; return its id."""
    (folder / "waits.py").write_text(script)
    submit = ("submit", "--environment", "orris-sklearn", "--no-wait", "--pool", "rack", *more)
    return orris(*submit, "waits.py", str(folder / "go"), cwd=folder).stdout.strip()


def begun(orris: Orris, folder: Path, *more: str, script: str = WAITS) -> str:
    """Do the same, and wait until it is executed."""
    run = submitted(orris, folder, *more, script=script)
    wait_until(lambda: "begun" in orris("runs", "logs", run).stdout, SECONDS)
    return run


def shown(orris: Orris, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("runs", "show", run, "--json").stdout)
    return found


def ended(orris: Orris, run: str) -> None:
    wait_until(lambda: shown(orris, run)["status"] in ("Completed", "Failed", "Canceled"), SECONDS)


def test_a_pool_goes_from_no_machine_to_three_and_back_while_runs_end(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRIS_HOME", str(home))
    (tmp_path / "hello.py").write_text("import time; time.sleep(0.5); print('hello')\n")
    config = ScriptRunConfig(tmp_path, "hello.py", environment="orris-sklearn", compute_target="rack")
    experiment = Experiment(Workspace("default"), "many")
    runs = [experiment.submit(config) for _ in range(RUNS)]
    wait_until(lambda: len([node for node in live_nodes(orris) if node["state"] == "Running"]) == MOST_NODES, SECONDS)
    assert len(ray_cluster.processes("raylet/raylet")) == 1 + MOST_NODES
    for run in runs:
        run.wait_for_completion()
    wait_until(lambda: not live_nodes(orris), SECONDS)
    wait_until(lambda: len(ray_cluster.processes("raylet/raylet")) == 1, SECONDS)
    assert pool(orris)["error"] == ""
    assert [node["endReason"] for node in pool(orris)["nodes"]] == ["it was idle for 2 seconds"] * MOST_NODES
    assert list((home / "machine" / "nodes").iterdir()) == []


def test_a_run_goes_on_when_its_agent_is_killed(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """Ray's actor starts the agent again, which takes up what it finds."""
    run = begun(orris, tmp_path)
    (agent,) = ray_cluster.agents(home / "machine")
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: ray_cluster.agents(home / "machine") not in ([], [agent]), SECONDS)
    (tmp_path / "go").touch()
    ended(orris, run)
    found = shown(orris, run)
    assert (found["status"], found["attempt"]) == ("Completed", 1)
    assert orris("runs", "logs", run).stdout == "begun\ndone\n"


def test_a_run_whose_machine_is_lost_says_so_and_begins_again_on_another(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """A raylet is killed; on another machine nothing is left of what it ran."""
    run = begun(orris, tmp_path, "--max-retries", "1")
    (agent,) = ray_cluster.agents(home / "machine")
    for marker in (home / "machine" / "nodes").glob("*/machine"):
        marker.write_text("another")
    ray_cluster.kill_machine(agent)
    wait_until(lambda: shown(orris, run)["attempt"] == 2, SECONDS)
    (tmp_path / "go").touch()
    ended(orris, run)
    found = shown(orris, run)
    (lost,) = found["failedAttempts"]
    assert (found["status"], lost["error"].split(":")[0]) == ("Completed", "CODE_AGENT_LOST")
    assert "its machine was lost" in [node["endReason"] for node in pool(orris)["nodes"]]


def test_a_machine_that_is_to_be_taken_away_ends_its_run_takes_no_more_and_another_comes(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """Its agent is told so by SIGTERM."""
    first = begun(orris, tmp_path)
    node, agent = agent_of(orris, home, ray_cluster, first)
    os.kill(agent, signal.SIGTERM)
    wait_until(lambda: [each["name"] for each in live_nodes(orris) if each["state"] == "Draining"] == [node], SECONDS)
    second = begun(orris, tmp_path)
    (tmp_path / "go").touch()
    for run in (first, second):
        ended(orris, run)
        assert (shown(orris, run)["status"], shown(orris, run)["attempt"]) == ("Completed", 1)
    wait_until(lambda: node not in [each["name"] for each in live_nodes(orris)], SECONDS)
    (preempted,) = [each for each in pool(orris)["nodes"] if each["preempted"]]
    assert (preempted["name"], "taken away" in preempted["endReason"]) == (node, True)


def test_an_agent_that_comes_back_after_its_lease_has_run_out_has_lost_its_run(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """As when its machine was cut off: it is stopped, and goes on. What its run wrote last is no part of the record."""
    run = begun(orris, tmp_path, "--max-retries", "1", script=SAYS_MORE)
    node, agent = agent_of(orris, home, ray_cluster, run)
    lease = lease_of(home, node, run)
    os.kill(agent, signal.SIGSTOP)
    try:
        (tmp_path / "go.say").touch()
        wait_until(lambda: not (tmp_path / "go.say").exists())
        wait_until(lambda: shown(orris, run).get("failedAttempts"), SECONDS)
    finally:
        os.kill(agent, signal.SIGCONT)
    wait_until(lambda: lease_of(home, node, run) != lease, SECONDS)
    (tmp_path / "go").touch()
    ended(orris, run)
    found = shown(orris, run)
    (lost,) = found["failedAttempts"]
    assert (found["status"], found["attempt"], lost["agent"]) == ("Completed", 2, node)
    assert f"CODE_AGENT_LOST: agent {node} was lost while it had the run" in lost["error"]
    said = orris("runs", "logs", run).stdout
    assert said.count("done") == 1
    assert "said while nobody listened" not in said


def agent_of(orris: Orris, home: Path, cluster: RayCluster, run: str) -> tuple[str, int]:
    """Return the name and the process of the agent that executes a run."""
    node: str = next(each["name"] for each in live_nodes(orris) if run in each["runs"])
    (agent,) = cluster.agents(home / "machine" / "nodes" / node)
    return node, agent


def lease_of(home: Path, node: str, run: str) -> str:
    """Return what an agent keeps of its lease of a run; empty where it has given it up."""
    try:
        return (home / "machine" / "nodes" / node / "agent" / "runs" / run / "lease.json").read_text()
    except FileNotFoundError:
        return ""


def test_the_loss_of_the_head_ends_no_run_and_what_waits_says_so_until_it_is_back(
    orris: Orris, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    run = begun(orris, tmp_path)
    (head,) = ray_cluster.processes("gcs_server")
    os.kill(head, signal.SIGKILL)
    wait_until(lambda: "Ray" in pool(orris)["error"], SECONDS)
    (tmp_path / "go").touch()
    ended(orris, run)
    assert shown(orris, run)["status"] == "Completed"
    ray_cluster.stop()
    waits = submitted(orris, tmp_path)
    wait_until(lambda: "Ray" in shown(orris, waits)["statusReason"], SECONDS)
    ray_cluster.start()
    ended(orris, waits)
    assert shown(orris, waits)["status"] == "Completed"


def test_the_work_of_one_script_is_done_by_several_machines(
    orris: Orris, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """The script is unchanged, its environment gets the cluster's Ray, and Ray brings the machines."""
    folder = tmp_path / "search"
    shutil.copytree(SPREAD, folder)
    spread = ("submit", "--pool", "rack", "--distribution", "joblib", "--python", PYTHON, "--package", "scikit-learn")
    ray = ray_versions().ray
    refused = orris(*spread, "--package", "ray==2.9.0", "search.py", code=1, cwd=folder)
    assert f"asks for ray==2.9.0: leave that out, or ask for ray=={ray}" in refused.stdout + refused.stderr
    orris(*spread, "search.py", cwd=folder)
    (run, *_) = json.loads(orris("runs", "list", "--json").stdout)
    image = json.loads(orris("images", "show", shown(orris, run["runId"])["image"], "--json").stdout)
    assert image["packages"]["ray"] == ray
    metrics = json.loads(orris("runs", "metrics", run["runId"], "--json").stdout)
    assert metrics["machines"] > 1
    assert metrics["accuracy"] > 0.97
    assert metrics["features"] == 4
    assert metrics["sums"] == 16 * 300_000
    assert metrics["streamed"] == 28
    assert metrics["forest"] == 1.0
    assert metrics["failure"] == "number 3 is not wanted"
    assert metrics["same"] is True


@pytest.mark.needs("tmpfs")
def test_a_machine_without_the_environment_gets_it_for_its_workers(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """It has no agent, and nothing in the folder of environments; modules of the snapshot take no part in that."""
    (tmp_path / "orris_kit.py").write_text("raise ImportError('this is another')")
    with ray_cluster.joined(3, without_environments(home), WHICH_MACHINE="another"):
        assert "done with packaging 24.2" in work_elsewhere(orris, tmp_path)


@pytest.mark.needs("tmpfs")
def test_a_machine_that_cannot_install_the_environment_is_named_with_why_and_others_do_the_work(
    orris: Orris, home: Path, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """Nobody waits for workers that Ray would start for ever."""
    nowhere = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    with ray_cluster.joined(3, without_environments(home), **nowhere):
        said = work_elsewhere(orris, tmp_path, WARNED)
    assert "a worker could not begin on" in said
    assert "done with packaging 24.2" in said
    (run, *_) = json.loads(orris("runs", "list", "--json").stdout)
    told = [warning["message"] for warning in shown(orris, run["runId"])["warnings"]]
    (warning,) = (message for message in told if "does no work for this run" in message)
    assert "network was disabled" in warning


def without_environments(home: Path) -> list[str]:
    """Return how a program is started that sees no environment of this machine: as on another."""
    environments = home / "machine" / "environments"
    environments.mkdir(parents=True, exist_ok=True)
    shell = f'mount -t tmpfs tmpfs {environments} && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", shell, "sh"]


def work_elsewhere(orris: Orris, folder: Path, script: str = ELSEWHERE) -> str:
    """Return what a script says that is spread, and needs another machine than that it is on."""
    (folder / "elsewhere.py").write_text(script)
    spread = ("submit", "--pool", "rack", "--distribution", "joblib", "--python", PYTHON)
    packages = ("--package", "joblib", "--package", "packaging==24.2")
    orris(*spread, *packages, "elsewhere.py", str(folder / "done"), cwd=folder)
    (run, *_) = json.loads(orris("runs", "list", "--json").stdout)
    return orris("runs", "logs", run["runId"]).stdout


def test_agents_end_with_their_instance_and_where_they_cannot_be_asked_it_says_so(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    home, nobody = tmp_path / "other", "127.0.0.1:9"
    run = command_line(home, tmp_path, **settings(ray_cluster))
    run("up", "-d")
    run("pools", "create", "there", "--min", "1", "--max", "1", *on_ray(home))
    wait_until(lambda: ray_cluster.agents(home), SECONDS)
    run("pools", "create", "away", "--min", "1", "--max", "1", *on_ray(home, address=nobody))
    wait_until(lambda: "Ray" in json.loads(run("pools", "show", "away", "--json").stdout)["error"], SECONDS)
    ended = run("down")
    said = ended.stdout + ended.stderr
    assert f"may go on on the Ray cluster at {nobody}" in said
    assert ray_cluster.address not in said
    assert ray_cluster.agents(home) == []
    assert not processes_of(home)
