"""Runs in containers, from the command line to the engine and back: everything is real."""

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
from tests.servers.docker import BASE_IMAGE, Engine

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("pypi")]

TRAIN = """
import os, sys
from azureml.core import Run
run = Run.get_context()
run.log("Accuracy", 0.9)
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.txt", "w") as file:
    file.write("model")
run.register_model("contained", model_path="outputs/model.txt")
import iniconfig
print("user", os.getuid(), "executes", sys.executable)
"""
COUNT = """
import os, time
print("begins", flush=True)
number = 0
while not os.path.exists("enough"):
    time.sleep(0.05)
    number += 1
print("ends after", number)
"""


SUM = """
import os, sys
path = sys.argv[1]
try:
    os.remove(path)
    changed = "changed"
except OSError:
    changed = "refused"
print(sum(map(int, open(path).read().split())), path, changed)
"""


@pytest.fixture(scope="module")
def home(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contained")


@pytest.fixture(scope="module")
def orris(engine: Engine, home: Path) -> Iterator[Orris]:
    """The command line, of an instance that makes container images and whose runs are in containers."""
    folder = home / "source"
    folder.mkdir()
    for name, text in {
        "train.py": TRAIN,
        "count.py": COUNT,
        "sum.py": SUM,
        "greedy.py": "bytearray(400 << 20)",
    }.items():
        (folder / name).write_text(text)
    settings = {
        "DOCKER_HOST": engine.host,
        "ORRIS_IMAGES_BUILDER": "oci",
        "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE,
        "ORRIS_AGENT_ISOLATION": "container",
        "ORRIS_AGENT_LAUNCHERS_IDLE": "2",
    }
    run = command_line(home, folder, **settings)
    run("up", "-d")
    yield run
    run("down")
    assert engine.client.containers.list(all=True, ignore_removed=True) == []


def waits(container: Any) -> bool:
    """Tell whether a container waits for a run."""
    return str(container.name).startswith("orris-waiting-")


def submit(orris: Orris, *arguments: str) -> str:
    """Submit a script, and return the name of its run at once."""
    said = json.loads(orris("submit", "--no-wait", "--json", "-p", "iniconfig", *arguments).stdout)
    return str(said["runId"])


def shown(orris: Orris, run: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(orris("runs", "show", run, "--json").stdout)
    return found


def has_begun(orris: Orris, run: str) -> bool:
    return shown(orris, run)["status"] == "Running" and "begins" in orris("runs", "logs", run).stdout


def agents_of(home: Path) -> set[int]:
    return {pid for pid, command in processes_of(home).items() if "orris_agent --until-eof" in command}


def test_a_script_is_executed_in_a_container(orris: Orris) -> None:
    said = orris("submit", "-p", "iniconfig", "train.py").stdout
    assert "user 10001 executes /opt/orris/environment/bin/python" in said
    assert "contained" in orris("models", "list").stdout


def test_containers_share_data_that_they_cannot_change(orris: Orris, home: Path) -> None:
    (home / "source" / "numbers.txt").write_text("1 2 3")
    orris("data", "create", "numbers", "numbers.txt")
    for _ in range(2):
        said = orris(
            "submit", "-p", "iniconfig", "--input", "numbers=numbers", "sum.py", "${{inputs.numbers}}"
        ).stdout  # fmt: skip
        assert said == "6 /orris/inputs/numbers/numbers.txt refused\n"
    (shared,) = (home / "agent" / "data").iterdir()
    assert (shared / "numbers.txt").read_text() == "1 2 3"


def test_a_run_that_was_canceled_leaves_nothing(orris: Orris, engine: Engine) -> None:
    run = submit(orris, "count.py")
    wait_until(lambda: has_begun(orris, run), 60)
    orris("runs", "cancel", run)
    wait_until(lambda: shown(orris, run)["status"] == "Canceled", 60)
    wait_until(lambda: engine.client.containers.list(all=True, ignore_removed=True) == [])


def test_a_run_outlives_its_agent(orris: Orris, home: Path, engine: Engine) -> None:
    run = submit(orris, "count.py")
    wait_until(lambda: has_begun(orris, run), 60)
    (container,) = [each for each in engine.client.containers.list(ignore_removed=True) if not waits(each)]
    (before,) = agents_of(home)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: agents_of(home) - {before})
    (work,) = (home / "agent" / "runs").glob("*/run/work")
    (work / "enough").touch()
    wait_until(lambda: shown(orris, run)["status"] == "Completed", 60)
    assert "begins\nends after" in orris("runs", "logs", run).stdout
    wait_until(
        lambda: container.id not in [each.id for each in engine.client.containers.list(all=True, ignore_removed=True)]
    )


def test_a_run_that_needs_more_memory_is_told_its_limit(orris: Orris) -> None:
    said = orris("submit", "-p", "iniconfig", "--memory", "64MiB", "greedy.py", code=1)
    assert "64 MiB of memory" in said.stdout + said.stderr


def test_an_image_that_somebody_removed_is_made_again(orris: Orris, engine: Engine) -> None:
    """Without a registry, by the engine that had it: the next run waits for that, and is executed."""
    orris("submit", "-p", "iniconfig", "train.py")
    made = engine.client.images.list(filters={"label": "io.orris.image"})
    assert made
    wait_until(lambda: engine.client.containers.list(all=True, ignore_removed=True) == [])  # else they are in use
    for image in made:
        engine.client.images.remove(str(image.id), force=True)
    run = submit(orris, "train.py")
    wait_until(lambda: shown(orris, run)["status"] in ("Completed", "Failed"), 120)
    assert shown(orris, run)["status"] == "Completed"
    assert "made again" in orris("runs", "logs", run, "--file", "azureml-logs/20_environment_log.txt").stdout
