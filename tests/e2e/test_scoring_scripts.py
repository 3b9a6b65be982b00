"""Scoring scripts through the command line and through Azure's names: as users write them, on a real instance."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line, environment_of
from tests.e2e.processes import wait_until

SCRIPTS = Path(__file__).parent / "scripts"
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
TRAIN = """
import os, joblib
from azureml.core.run import Run
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
x, y = datasets.load_iris(return_X_y=True)
os.makedirs("outputs")
joblib.dump(LogisticRegression(max_iter=1000).fit(x, y), "outputs/model.joblib")
"""
Deploy = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def model(home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered model."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "train.py").write_text(TRAIN)
    orris = command_line(home, folder)
    orris("submit", "--environment", "orris-sklearn", "--experiment", "scoring", "train.py")
    run = json.loads(orris("runs", "list", "--json").stdout)[0]
    orris("models", "register", "scored", "outputs/model.joblib", "--run", run["runId"])
    return "scored"


@pytest.fixture
def deploy(orris: Orris, tmp_path: Path) -> Iterator[Deploy]:
    """Deploy a script as the endpoint `scoring`, and take it down."""

    def deployed(text: str, *options: str, code: int = 0) -> dict[str, Any]:
        folder = tmp_path / "source_dir"
        folder.mkdir(exist_ok=True)
        (folder / "score.py").write_text(text)
        script = ("--code", "score.py", "--source", str(folder), "--no-auth", "--overwrite")
        done = orris("deploy", *options, "--name", "scoring", *script, code=code)
        return {**json.loads(orris("endpoints", "show", "scoring", "--json").stdout), "stderr": done.stderr}

    yield deployed
    orris("endpoints", "delete", "scoring")


def ask(
    endpoint: dict[str, Any], body: Any, path: str = "score", kind: str = "application/json", method: str = "POST"
) -> tuple[int, Any, Any]:
    """Return status, headers and body of an answer; JSON is read."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    uri = endpoint["scoringUri"].rpartition("/")[0] + f"/{path}"
    request = urllib.request.Request(uri, data, {"Content-Type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            status, headers, content = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, headers, content = error.code, error.headers, error.read()
    return status, headers, json.loads(content) if headers["content-type"] == "application/json" else content


def test_init_and_run(orris: Orris, model: str, deploy: Deploy) -> None:
    endpoint = deploy((SCRIPTS / "score_plain.py").read_text(), model, "--env", "UNIT=cm")
    assert (endpoint["backend"], endpoint["state"]) == ("Code", "Healthy")
    status, headers, answer = ask(endpoint, {"data": FLOWERS})
    assert (status, answer) == (200, {"species": [0, 2], "unit": "cm"})
    assert float(headers["x-ms-run-fn-exec-ms"]) > 0
    assert json.loads(orris("predict", "scoring", "--data", json.dumps({"data": FLOWERS})).stdout) == answer
    status, headers, answer = ask(endpoint, {"data": [[1, 2]]})
    assert (status, headers["x-ms-run-function-failed"]) == (500, "True")
    assert answer["message"].startswith("An unexpected error occurred in scoring script.")
    wait_until(lambda: "LogisticRegression is expecting 4 features" in orris("endpoints", "logs", "scoring").stdout)
    logged = orris("endpoints", "logs", "scoring").stdout
    assert "asked for 2 flowers" in logged
    assert "score.py" in logged


def test_arguments_by_name_with_inference_schema(orris: Orris, model: str, deploy: Deploy) -> None:
    """The model's own environment has no inference-schema: it is added."""
    endpoint = deploy((SCRIPTS / "score_schema.py").read_text(), model)
    assert ask(endpoint, {"data": FLOWERS})[2] == [0, 2]
    assert ask(endpoint, {"data": FLOWERS, "names": True})[2] == ["setosa", "virginica"]
    assert ask(endpoint, None, f"score?data={json.dumps(FLOWERS).replace(' ', '')}", method="GET")[2] == [0, 2]
    for body, kind, expected, words in (
        ({"data": FLOWERS}, "text/plain", 415, "application/json"),
        (b"{", "application/json", 400, "not JSON"),
        ([1], "application/json", 400, "JSON object"),
        ({"names": True}, "application/json", 400, "Missing arguments: data"),
        ({"data": [["a", "b"]]}, "application/json", 400, "does not fit its schema"),
        ({"data": [[1, 2]]}, "application/json", 400, "does not fit its schema"),
    ):
        status, _, answer = ask(endpoint, body, kind=kind)
        assert (status, words in answer["message"]) == (expected, True), answer
    described = ask(endpoint, None, "swagger.json", method="GET")[2]
    assert described["definitions"]["ServiceInput"]["example"]["data"] == [[5.1, 3.5, 1.4, 0.2]]
    assert ask(endpoint, None, "swagger.json?version=3", method="GET")[2]["openapi"].startswith("3.0")
    assert ask(endpoint, None, "swagger.json?version=7", method="GET")[0] == 404


def test_the_request_itself_without_a_model(deploy: Deploy) -> None:
    endpoint = deploy((SCRIPTS / "score_raw.py").read_text())
    boundary = b'--x\r\nContent-Disposition: form-data; name="image"; filename="i.png"\r\n\r\n\x00\r\n\xff\r\n--x--\r\n'
    status, headers, answer = ask(endpoint, boundary, kind="multipart/form-data; boundary=x")
    assert (status, headers["content-type"], answer) == (201, "image/png", b"i.png\x00\r\n\xff")
    status, _, answer = ask(endpoint, None, "score?a=1", method="GET")
    assert (status, answer) == (200, {"a": "1"})


def test_what_fails_says_where(orris: Orris, model: str, deploy: Deploy) -> None:
    endpoint = deploy("def init():\n    raise OSError('no such file: scaler')\ndef run(data): pass\n", model, code=1)
    assert endpoint["state"] == "Failed"
    for told in (endpoint["error"], endpoint["stderr"]):
        assert 'source_dir/score.py", line 2, in init' in told
        assert "no such file: scaler" in told
    endpoint = deploy("import none_such\n", model, code=1)
    assert "No module named 'none_such'" in endpoint["error"]


def test_a_failing_redeployment_leaves_the_old_answers(orris: Orris, model: str, deploy: Deploy) -> None:
    deploy("def init(): pass\ndef run(data): return 'first'\n")
    endpoint = deploy("def init(): none\ndef run(data): return 'second'\n", code=1)
    assert endpoint["state"] == "Failed"
    assert ask(endpoint, {})[2] == "first"
    endpoint = deploy("def init(): pass\ndef run(data): return 'third'\n")
    assert ask(endpoint, {})[2] == "third"


def test_azures_names_deploy_a_scoring_script(home: Path, model: str, tmp_path: Path) -> None:
    """What a notebook of Azure's does, unchanged."""
    folder = tmp_path / "source_dir"
    folder.mkdir()
    (folder / "score.py").write_text((SCRIPTS / "score_schema.py").read_text())
    (tmp_path / "notebook.py").write_text((SCRIPTS / "deploy_as_on_azure.py").read_text())
    done = subprocess.run(
        [sys.executable, "notebook.py"], cwd=tmp_path, env=environment_of(home), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'ACI service creation operation finished, operation "Succeeded"' in done.stdout
    assert done.stdout.endswith("[0, 2]\nUnhealthy: no\nWebserviceException 400\n")
