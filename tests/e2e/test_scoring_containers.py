"""Scoring scripts in containers: the same answers, and limits that hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until
from tests.servers.docker import BASE_IMAGE, Engine

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("pypi")]

SCORE = """
import os, sys
import iniconfig
from azureml.core.model import Model

def init():
    global greeting
    greeting = open(Model.get_model_path("greeting")).read()
    print("init by", os.getuid())

def run(data):
    if data == '"greedy"':
        return len(bytearray(400 << 20))
    return [greeting, data, sys.executable, os.path.relpath(os.getcwd(), os.environ["AML_APP_ROOT"])]
"""


@pytest.fixture(scope="module")
def orris(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orris]:
    """The command line, of an instance that makes container images; its agent runs processes unless asked."""
    home = tmp_path_factory.mktemp("contained")
    folder = home / "project"
    (folder / "source_dir").mkdir(parents=True)
    (folder / "source_dir" / "score.py").write_text(SCORE)
    (folder / "greeting.txt").write_text("hello")
    settings = {
        "DOCKER_HOST": engine.host,
        "ORRIS_IMAGES_BUILDER": "oci",
        "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE,
    }
    run = command_line(home, folder, **settings)
    run("up", "-d")
    yield run
    run("down")
    assert engine.client.containers.list(all=True) == []


def shown(orris: Orris) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("endpoints", "show", "contained", "--json").stdout)
    return found


def test_a_script_answers_in_a_container_within_its_limits(orris: Orris, engine: Engine) -> None:
    orris("models", "register", "greeting", "greeting.txt", "--framework", "Custom")
    orris("environments", "create", "small", "-p", "iniconfig")
    script = ("--code", "score.py", "--source", "source_dir", "--environment", "small")
    orris("deploy", "greeting", "--name", "contained", *script, "--isolation", "container", "--memory", "128MiB")
    (container,) = engine.client.containers.list()
    assert container.attrs["HostConfig"]["Memory"] == 128 << 20
    answer = json.loads(orris("predict", "contained", "--data", '"hi"').stdout)
    assert answer == ["hello", '"hi"', "/opt/orris/environment/bin/python", "."]
    wait_until(lambda: "init by 10001" in orris("endpoints", "logs", "contained").stdout)
    before = shown(orris)
    assert (before["isolation"], before["resources"]) == ("container", {"memory": 128 << 20})

    orris("predict", "contained", "--data", '"greedy"', code=1)
    wait_until(lambda: "128 MiB of memory" in orris("endpoints", "logs", "contained").stdout, 60)
    wait_until(lambda: shown(orris)["state"] == "Healthy", 60)
    assert json.loads(orris("predict", "contained", "--data", '"hi"').stdout) == answer
    orris("endpoints", "delete", "contained")
    wait_until(lambda: engine.client.containers.list(all=True) == [], 60)


def test_the_same_script_answers_as_a_process(orris: Orris, engine: Engine) -> None:
    script = ("--code", "score.py", "--source", "source_dir", "--environment", "small")
    orris("deploy", "greeting", "--name", "contained", *script)
    assert json.loads(orris("predict", "contained", "--data", '"hi"').stdout)[:2] == ["hello", '"hi"']
    assert engine.client.containers.list(all=True) == []
    orris("endpoints", "delete", "contained")
