"""Scoring scripts in containers: the same answers, and limits that hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until
from tests.e2e.test_scoring_scripts import FLOWERS, SCRIPTS, ask
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


TRAIN = """
import os, joblib, numpy
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
x, y = datasets.load_iris(return_X_y=True)
os.makedirs("outputs", exist_ok=True)
# No graph can be made of any function.
pipeline = make_pipeline(FunctionTransformer(numpy.log1p), LogisticRegression(max_iter=1000)).fit(x, y)
joblib.dump(pipeline, "outputs/model.joblib")
"""


@pytest.fixture(scope="module")
def orris(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orris]:
    """The command line, of an instance that makes container images; its agent runs processes unless asked."""
    home = tmp_path_factory.mktemp("contained")
    folder = home / "project"
    (folder / "source_dir").mkdir(parents=True)
    (folder / "source_dir" / "score.py").write_text(SCORE)
    (folder / "greeting.txt").write_text("hello")
    (folder / "train.py").write_text(TRAIN)
    for name in ("score_schema.py", "score_raw.py"):
        shutil.copy(SCRIPTS / name, folder / "source_dir")
    settings = {
        "DOCKER_HOST": engine.host,
        "ORRIS_IMAGES_BUILDER": "oci",
        "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE,
        "ORRIS_AGENT_LAUNCHERS": "0",  # containers are counted here
    }
    run = command_line(home, folder, **settings)
    run("up", "-d")
    run("environments", "create", "small", "-p", "iniconfig")
    run("models", "register", "greeting", "greeting.txt", "--framework", "Custom")
    yield run
    run("down")
    assert engine.client.containers.list(all=True, ignore_removed=True) == []


@pytest.fixture(scope="module")
def model(orris: Orris) -> str:
    """A registered model that cannot be converted."""
    orris("submit", "--environment", "orris-sklearn", "--isolation", "container", "train.py")
    (run,) = json.loads(orris("runs", "list", "--json").stdout)
    orris("models", "register", "scored", "outputs/model.joblib", "--run", run["runId"])
    return "scored"


@pytest.fixture
def taken_down(orris: Orris, engine: Engine) -> Iterator[None]:
    """The endpoint and its containers are gone afterwards."""
    yield
    orris("endpoints", "delete", "contained")
    wait_until(lambda: engine.client.containers.list(all=True, ignore_removed=True) == [], 60)


def shown(orris: Orris) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("endpoints", "show", "contained", "--json").stdout)
    return found


def test_a_script_answers_in_a_container_within_its_limits(orris: Orris, engine: Engine) -> None:
    script = ("--code", "score.py", "--source", "source_dir", "--environment", "small")
    orris("deploy", "greeting", "--name", "contained", *script, "--isolation", "container", "--memory", "128MiB")
    (container,) = engine.client.containers.list(ignore_removed=True)
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
    wait_until(lambda: engine.client.containers.list(all=True, ignore_removed=True) == [], 60)


def test_the_same_script_answers_as_a_process(orris: Orris, engine: Engine) -> None:
    script = ("--code", "score.py", "--source", "source_dir", "--environment", "small")
    orris("deploy", "greeting", "--name", "contained", *script)
    assert json.loads(orris("predict", "contained", "--data", '"hi"').stdout)[:2] == ["hello", '"hi"']
    assert engine.client.containers.list(all=True, ignore_removed=True) == []
    orris("endpoints", "delete", "contained")


@pytest.mark.usefixtures("taken_down")
def test_a_model_without_code_or_graph_is_served_in_a_container_of_its_own_environment(
    orris: Orris, engine: Engine, model: str
) -> None:
    orris("deploy", model, "--name", "contained", "--isolation", "container")
    endpoint = shown(orris)
    assert (endpoint["backend"], endpoint["state"], endpoint["isolation"]) == ("Replica", "Healthy", "container")
    (container,) = replicas(engine)
    image = json.loads(orris("environments", "show", "orris-sklearn", "--json").stdout)["image"]["id"]
    assert container.image.labels["io.orris.image"] == image
    assert json.loads(orris("predict", "contained", "--data", json.dumps(FLOWERS), "--method", "predict").stdout) == [
        0,
        2,
    ]
    container.kill()
    wait_until(
        lambda: container.id not in [each.id for each in replicas(engine)] and shown(orris)["state"] == "Healthy", 90
    )
    assert json.loads(orris("predict", "contained", "--data", json.dumps(FLOWERS), "--method", "predict").stdout) == [
        0,
        2,
    ]


@pytest.mark.usefixtures("taken_down")
def test_arguments_by_name_in_a_container(orris: Orris, engine: Engine, model: str) -> None:
    """inference-schema is added to the model's own environment, as an image."""
    script = ("--code", "score_schema.py", "--source", "source_dir", "--no-auth", "--isolation", "container")
    orris("deploy", model, "--name", "contained", *script)
    assert len(replicas(engine)) == 1
    endpoint = shown(orris)
    assert ask(endpoint, {"data": FLOWERS, "names": True})[2] == ["setosa", "virginica"]
    status, _, answer = ask(endpoint, {"names": True})
    assert (status, answer["message"]) == (400, "Missing arguments: data")
    described = ask(endpoint, None, "swagger.json", method="GET")[2]
    assert described["definitions"]["ServiceInput"]["example"]["data"] == [[5.1, 3.5, 1.4, 0.2]]


@pytest.mark.usefixtures("taken_down")
def test_the_request_itself_in_a_container(orris: Orris, engine: Engine) -> None:
    script = ("--code", "score_raw.py", "--source", "source_dir", "--no-auth", "--isolation", "container")
    orris("deploy", "--name", "contained", *script, "--environment", "small")
    assert len(replicas(engine)) == 1
    endpoint = shown(orris)
    boundary = b'--x\r\nContent-Disposition: form-data; name="image"; filename="i.png"\r\n\r\n\x00\r\n\xff\r\n--x--\r\n'
    status, headers, answer = ask(endpoint, boundary, kind="multipart/form-data; boundary=x")
    assert (status, headers["content-type"], answer) == (201, "image/png", b"i.png\x00\r\n\xff")
    assert ask(endpoint, None, "score?a=1", method="GET")[2] == {"a": "1"}


def replicas(engine: Engine) -> list[Any]:
    """Return the containers that run now."""
    return list(engine.client.containers.list(ignore_removed=True))
