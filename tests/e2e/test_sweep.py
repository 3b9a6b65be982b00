"""Sweeps through the command line: the demo's script tuned, and a sweep whose every process is killed at random."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import processes_of, wait_until

PROJECT = Path(__file__).parents[2] / "demo" / "train_iris"
KILLED_TRIALS = int(os.environ.get("ORRIS_TEST_SWEEP_TRIALS", "100"))
# Says at its very end, in a file that no service knows, that it came to its end.
PROGRAM = """
import argparse, time
from orris import Run
parser = argparse.ArgumentParser()
parser.add_argument("--number", type=int)
parser.add_argument("--ledger")
arguments = parser.parse_args()
for step in range(5):
    Run.get_context().log("score", arguments.number * (step + 1) / 5)
    time.sleep(0.01)
with open(arguments.ledger, "a") as file:
    file.write(f"{arguments.number}\\n")
"""
# A good trial comes to its end; a bad one, which comes after it, ends only where it is ended.
COURSES = """
import argparse, time
from orris import Run
parser = argparse.ArgumentParser()
parser.add_argument("--good", type=int)
good = parser.parse_args().good
for step in range(20):
    Run.get_context().log("score", 1.0 if good else 0.1)
if not good:
    time.sleep(600)
"""


def test_a_grid_over_the_demo_finds_the_best(
    orris: Orris, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tuned")
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
    space = ("--param", "kernel=choice:linear,rbf,poly,sigmoid", "--param", "penalty=choice:0.5,1.0,1.5")
    done = command_line(home, folder)(
        "sweep", *space, "--metric", "Accuracy", "--json", "--conda", "conda_dependencies.yml", "train_iris.py"
    )
    sweep = json.loads(done.stdout)
    assert sweep["status"] == "Completed"
    assert sweep["best"]["best"] == 0.9736842105263158
    trials = sweep["trials"]
    assert len({json.dumps(each["hyperparameters"], sort_keys=True) for each in trials}) == len(trials) == 12
    assert {each["status"] for each in trials} == {"Completed"}
    metrics = json.loads(orris("runs", "metrics", sweep["best"]["runId"], "--json").stdout)
    assert metrics["Accuracy"] == 0.9736842105263158
    assert "Experiment ended. best: trial" in orris("runs", "logs", sweep["runId"]).stdout
    hyperdrive = orris("runs", "logs", sweep["runId"], "--file", "azureml-logs/hyperdrive.txt").stdout
    assert hyperdrive.startswith('"<START>[')
    listed = [run["runId"] for run in json.loads(orris("runs", "list", "--json").stdout)]
    assert sweep["runId"] in listed
    assert trials[0]["runId"] not in listed, "trials are children"


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("{bandit: {slack_factor: 0.2}, evaluation_interval: 5}", "bandit at interval"),
        ("{median_stopping: {}, evaluation_interval: 5, delay_evaluation: 10}", "median stopping at interval"),
        ("{truncation_selection: {percentage: 50}, evaluation_interval: 10}", "truncation selection at interval"),
        ("{asha: {min_interval: 4, reduction_factor: 2}}", "ASHA at interval"),
    ],
    ids=["bandit", "median stopping", "truncation selection", "ASHA"],
)
def test_a_policy_ends_a_bad_trial_early(orris: Orris, tmp_path: Path, policy: str, told: str) -> None:
    (tmp_path / "courses.py").write_text(COURSES)
    (tmp_path / "sweep.yml").write_text(
        "script: courses.py\nspace: {good: [1, 0]}\nmetric: score\n"
        f"policy: {policy}\nlimits: {{max_concurrent_runs: 1}}\n"
    )
    sweep = json.loads(orris("sweep", "--python", sys.executable, "--json", "sweep.yml").stdout)
    assert sweep["status"] == "Completed"
    good, bad = sweep["trials"]
    assert (good["status"], bad["status"]) == ("Completed", "EarlyStopped")
    assert told in bad["earlyStopped"]
    assert good["earlyStopped"] is None
    assert "EarlyStopped" in orris("runs", "show", bad["runId"]).stdout


@pytest.fixture
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Orris]]:
    """An instance of its own: it is killed."""
    home, folder = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("swept")
    orris = command_line(home, folder)
    (folder / "program.py").write_text(PROGRAM)
    orris("up", "-d")
    yield home, folder, orris
    orris("down")


def test_whoever_is_killed_no_trial_is_lost_or_begun_twice(killed: tuple[Path, Path, Orris]) -> None:
    """Services and agent, at random: each trial is recorded once, and each program came to its end once."""
    home, folder, orris = killed
    ledger = folder.parent / "ledger.txt"
    ledger.unlink(missing_ok=True)
    numbers = ",".join(map(str, range(KILLED_TRIALS)))
    options = ("--param", f"number=choice:{numbers}", "--metric", "score", "--max-total", str(KILLED_TRIALS))
    begun = orris(
        "sweep", *options, "--max-concurrent", "4", "--no-wait", "--python", sys.executable,
        "program.py", "--ledger", str(ledger),
    )  # fmt: skip
    sweep = begun.stdout.strip()
    over = threading.Event()
    kills: Counter[str] = Counter()
    killer = threading.Thread(target=kill_until, args=(over, home, orris, kills))
    killer.start()
    try:
        wait_until(lambda: shown(orris, sweep).get("status") in ("Completed", "Failed"), 60 + 4 * KILLED_TRIALS)
    finally:
        over.set()
        killer.join()
    wait_until(lambda: shown(orris, sweep).get("status") == "Completed", 30)
    found = shown(orris, sweep)
    assert kills["instance"] >= 2, kills
    assert kills.total() >= 5, kills
    assert found["status"] == "Completed", found
    trials = found["trials"]
    assert sorted(each["hyperparameters"]["number"] for each in trials) == list(range(KILLED_TRIALS))
    assert {each["status"] for each in trials} == {"Completed"}, Counter(each["status"] for each in trials)
    assert {each["hyperparameters"]["number"]: each["best"] for each in trials} == {
        number: float(number) for number in range(KILLED_TRIALS)
    }
    assert Counter(map(int, ledger.read_text().split())) == Counter(range(KILLED_TRIALS))


def kill_until(over: threading.Event, home: Path, orris: Orris, kills: Counter[str]) -> None:
    """Kill the instance, or its agent, now and then, and start what is gone."""
    rng = random.Random(11)
    while not over.wait(rng.uniform(0.3, 2.5)):
        agents = [pid for pid, command in processes_of(home).items() if "orris_agent --until-eof" in command]
        if agents and rng.random() < 0.5:
            kill(agents[0], kills, "agent")
            continue
        kill(int(json.loads((home / "instance.json").read_text())["pid"]), kills, "instance")
        time.sleep(0.2)
        orris("up", "-d")


def kill(pid: int, kills: Counter[str], what: str) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    kills[what] += 1


def shown(orris: Orris, sweep: str) -> dict[str, Any]:
    """Return how a sweep stands; nothing while nobody answers."""
    try:
        found: dict[str, Any] = json.loads(orris("sweeps", "show", sweep, "--in-order", "--json").stdout)
    except AssertionError:
        return {}
    return found
