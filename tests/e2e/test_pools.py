"""Pools through the command line, with real agents: nodes come for runs, go when idle, are replaced when they die."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import processes_of, wait_until

ENVIRONMENT = ("--environment", "orris-sklearn")
# Long leases would only make these tests slow: a run whose agent was killed waits for its lease's end. But a service
# that is started anew is there before that, on a machine that has more to do as well.
HASTY = {"ORRIS_RUNS_LEASE_DURATION": "12", "ORRIS_RUNS_LEASE_MARGIN": "1"}
# So long a run waits for a file that a test writes.
WAITS = """
import os, sys, time
print("begun", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
print("done", flush=True)
"""
SECONDS = 90.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pools")


@pytest.fixture(scope="module")
def orris(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orris]:
    """An instance of its own: it is killed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "waits.py").write_text(WAITS)
    run = command_line(home, folder, **HASTY)
    run("up", "-d")
    yield run
    run("down")
    wait_until(lambda: not processes_of(home))


def pool(orris: Orris, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("pools", "show", name, "--gone", "--json").stdout)
    return found


def nodes(orris: Orris, name: str, *states: str) -> list[dict[str, Any]]:
    return [node for node in pool(orris, name)["nodes"] if node["state"] in states]


def run_of(orris: Orris, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("runs", "show", run, "--json").stdout)
    return found


def submit(orris: Orris, name: str, go: Path, *options: str) -> str:
    return orris("submit", *ENVIRONMENT, "--no-wait", "--pool", name, *options, "waits.py", str(go)).stdout.strip()


def until_status(orris: Orris, run: str, *status: str) -> None:
    wait_until(lambda: run_of(orris, run)["status"] in status, SECONDS)


def test_a_pool_goes_from_none_to_three_and_back_to_none_while_runs_end(orris: Orris, tmp_path: Path) -> None:
    orris("pools", "create", "cpu", "--max", "3", "--idle", "2s")
    go = tmp_path / "go"
    runs = [submit(orris, "cpu", go) for _ in range(5)]
    wait_until(lambda: len(nodes(orris, "cpu", "Running")) == 3, SECONDS)
    waiting = [found for found in (run_of(orris, run) for run in runs) if found["status"] == "Queued"]
    assert any("waits for a free slot of pool cpu" in found["statusReason"] for found in waiting)
    shown = orris("pools", "show", "cpu").stdout
    assert max(map(len, shown.splitlines())) <= 80
    go.touch()
    for run in runs:
        until_status(orris, run, "Completed", "Failed")
    assert {run_of(orris, run)["status"] for run in runs} == {"Completed"}
    wait_until(lambda: not nodes(orris, "cpu", "Starting", "Idle", "Running", "Draining", "Stopping"), SECONDS)
    gone = nodes(orris, "cpu", "Gone")
    assert [node["endReason"] for node in gone] == ["it was idle for 2 seconds"] * 3
    assert {node["reason"] for node in gone} == {"runs wait"}
    stages = [stage["stage"] for stage in run_of(orris, runs[0])["stages"]]
    assert stages[-3:] == ["Scaling", "Running", "PostProcessing"]
    orris("pools", "delete", "cpu")
    assert "cpu" not in orris("pools", "list").stdout


def test_a_run_goes_to_another_node_when_its_own_is_killed_and_is_completed_once(
    orris: Orris, home: Path, tmp_path: Path
) -> None:
    orris("pools", "create", "lossy", "--max", "2", "--idle", "5s")
    go = tmp_path / "go"
    run = submit(orris, "lossy", go, "--max-retries", "1")
    until_status(orris, run, "Running")
    (first,) = nodes(orris, "lossy", "Running")
    os.kill(pid_of(home, "lossy", first["name"]), signal.SIGKILL)
    wait_until(lambda: run_of(orris, run)["attempt"] == 2 and run_of(orris, run)["status"] == "Running", SECONDS)
    go.touch()
    until_status(orris, run, "Completed")
    details = run_of(orris, run)
    assert [each["agent"] for each in details["failedAttempts"]] == [first["name"]]
    assert "killed by signal 9" in details["failedAttempts"][0]["error"]
    assert orris("runs", "logs", run).stdout.count("done") == 1
    (dead,) = [node for node in nodes(orris, "lossy", "Gone") if node["name"] == first["name"]]
    assert "killed by signal 9" in dead["endReason"]
    orris("pools", "delete", "lossy")


def test_nodes_and_their_runs_go_on_when_the_service_is_killed(orris: Orris, home: Path, tmp_path: Path) -> None:
    orris("pools", "create", "kept", "--max", "1", "--idle", "60s")
    go = tmp_path / "go"
    run = submit(orris, "kept", go)
    until_status(orris, run, "Running")
    (before,) = nodes(orris, "kept", "Running")
    agent = pid_of(home, "kept", before["name"])
    os.kill(json.loads((home / "instance.json").read_text())["pid"], signal.SIGKILL)
    orris("up", "-d")
    go.touch()
    until_status(orris, run, "Completed")
    assert [node["name"] for node in pool(orris, "kept")["nodes"]] == [before["name"]]
    assert pid_of(home, "kept", before["name"]) == agent
    assert "failedAttempts" not in run_of(orris, run)


def test_a_preempted_node_ends_its_run_takes_no_more_and_another_comes(
    orris: Orris, home: Path, tmp_path: Path
) -> None:
    orris("pools", "create", "spot", "--max", "2", "--idle", "5s")
    go = tmp_path / "go"
    first = submit(orris, "spot", go)
    until_status(orris, first, "Running")
    (node,) = nodes(orris, "spot", "Running")
    os.kill(pid_of(home, "spot", node["name"]), signal.SIGTERM)
    wait_until(lambda: nodes(orris, "spot", "Draining"), SECONDS)
    second = submit(orris, "spot", go)
    until_status(orris, second, "Running")
    go.touch()
    for run in (first, second):
        until_status(orris, run, "Completed")
    wait_until(lambda: nodes(orris, "spot", "Gone"), SECONDS)
    preempted = next(each for each in nodes(orris, "spot", "Gone") if each["preempted"])
    assert (preempted["name"], "taken away" in preempted["endReason"]) == (node["name"], True)


def test_a_pool_that_is_not_there_is_refused(orris: Orris) -> None:
    refused = orris("submit", *ENVIRONMENT, "--no-wait", "--pool", "nowhere", "waits.py", "x", code=3)
    assert "there is no pool 'nowhere'" in refused.stderr


def pid_of(home: Path, name: str, node: str) -> int:
    return int((home / "nodes" / name / node / "pid").read_text())
