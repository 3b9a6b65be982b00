"""The main job through the command line: a script becomes a run, a model, an endpoint, a prediction."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Orris

PROJECT = Path(__file__).parents[2] / "demo" / "train_iris"
FLOWERS = "[[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]"


@pytest.fixture(scope="session")
def trained(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of a finished run of the demo's script, in the environment of its conda file."""
    from tests.e2e.conftest import command_line

    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
    script = ("train_iris.py", "--kernel", "linear", "--penalty", "1.0")
    done = command_line(home, folder)("submit", "--conda", "conda_dependencies.yml", *script)
    assert "Accuracy of SVM classifier on test set: 0.97" in done.stdout
    listed = command_line(home, folder)("runs", "list", "--json")
    run: dict[str, Any] = json.loads(listed.stdout)[0]
    return run


def test_a_run_is_recorded_with_its_metrics_and_outputs(orris: Orris, trained: dict[str, Any]) -> None:
    metrics = json.loads(orris("runs", "metrics", trained["runId"], "--json").stdout)
    assert metrics["Accuracy"] == 0.9736842105263158
    assert "outputs/model.joblib" in orris("runs", "files", trained["runId"]).stdout
    assert "0.97" in orris("runs", "logs", trained["runId"]).stdout


def test_a_model_of_an_old_environment_is_served_in_that_environment(orris: Orris, trained: dict[str, Any]) -> None:
    """Nothing of today's scikit-learn touches it: the conda file pins a Python that conversions do not support."""
    orris("models", "register", "story", "outputs/model.joblib", "--run", trained["runId"])
    orris("deploy", "story", "--name", "story")
    assert json.loads(orris("predict", "story", "--data", FLOWERS, "--method", "predict").stdout) == [0, 2]
    probabilities = orris("predict", "story", "--data", FLOWERS, "--method", "predict_proba", code=1)
    assert "predict_proba" in probabilities.stderr
    assert "predict" in probabilities.stderr
    orris("endpoints", "delete", "story")


def test_a_file_left_outside_outputs_cannot_be_registered_and_is_named(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("open('model.joblib', 'w').write('x')\n")
    orris("submit", "--environment", "orris-sklearn", "--experiment", "left", "train.py")
    run = json.loads(orris("runs", "list", "--json").stdout)[0]
    refused = orris("models", "register", "left", "outputs/model.joblib", "--run", run["runId"], code=1)
    assert "model.joblib" in refused.stderr
    assert "outputs/" in refused.stderr


def test_a_failing_script_shows_its_traceback_and_keeps_its_outputs(orris: Orris, tmp_path: Path) -> None:
    script = "import os\nos.mkdir('outputs')\nopen('outputs/kept', 'w').close()\nraise ValueError('too few rows')\n"
    (tmp_path / "fails.py").write_text(script)
    done = orris("submit", "--environment", "orris-sklearn", "fails.py", code=1)
    assert "ValueError: too few rows" in done.stdout + done.stderr
    run = json.loads(orris("runs", "list", "--json").stdout)[0]
    assert "outputs/kept" in orris("runs", "files", run["runId"]).stdout


def test_a_run_is_canceled_with_all_its_processes(orris: Orris, tmp_path: Path) -> None:
    script = "import subprocess, time\nsubprocess.Popen(['sleep', '600'])\nprint('up', flush=True)\ntime.sleep(600)\n"
    (tmp_path / "waits.py").write_text(script)
    submitted = json.loads(orris("submit", "--environment", "orris-sklearn", "--no-wait", "--json", "waits.py").stdout)
    orris("runs", "cancel", submitted["runId"])
    assert "Canceled" in orris("runs", "show", submitted["runId"]).stdout


def test_a_current_model_is_served_as_onnx_with_checked_requests(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, joblib\nfrom sklearn import datasets\nfrom sklearn.linear_model import LogisticRegression\n"
        "x, y = datasets.load_iris(return_X_y=True)\nos.mkdir('outputs')\n"
        "joblib.dump(LogisticRegression(max_iter=1000).fit(x, y), 'outputs/model.joblib')\n"
    )
    orris("submit", "--environment", "orris-sklearn", "--experiment", "onnx", "train.py")
    run = json.loads(orris("runs", "list", "--json").stdout)[0]
    orris("models", "register", "current", "outputs/model.joblib", "--run", run["runId"])
    orris("deploy", "current", "--name", "current", "--no-auth")
    assert "Verified" in orris("models", "show", "current").stdout
    endpoint = json.loads(orris("endpoints", "show", "current", "--json").stdout)
    assert endpoint["backend"] == "Onnx"

    assert score(endpoint, {"data": json.loads(FLOWERS), "method": "predict"}) == (200, [0, 2])
    for body, words in (
        ({"data": [[1, 2]], "method": "predict"}, "4"),
        ({"data": [["a", 2, 3, 4]], "method": "predict"}, "a"),
        ({"data": [[1, 2, 3, None]], "method": "predict"}, "missing"),
        ({"data": json.loads(FLOWERS), "method": "explode"}, "explode"),
    ):
        status, answer = score(endpoint, body)
        assert status == 400
        assert words in answer["message"]
    orris("endpoints", "delete", "current")


def score(endpoint: dict[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        endpoint["scoringUri"], json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["runs", "show", "nothing_1_00000000"], 3, "nothing_1_00000000"),
        (["deploy", "nothing", "--name", "nothing"], 3, "nothing"),
        (["submit", "absent.py"], 2, "absent.py"),
        (["predict", "nothing", "--data", "[[1]]"], 3, "nothing"),
        (["submit", "--environment", "orris-sklearn-9", "x.py"], 3, "orris-sklearn"),
    ],
)
def test_what_does_not_exist_is_named_and_the_exit_code_says_so(
    orris: Orris, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "x.py").touch()
    done = orris(*arguments, code=code)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_start_on_the_same_home_is_refused(orris: Orris) -> None:
    assert "already running" in orris("up", "-d", code=1).stderr


def test_several_instances_live_side_by_side(home: Path, tmp_path: Path) -> None:
    from tests.e2e.conftest import command_line

    other = command_line(tmp_path / "other", tmp_path)
    assert "Orris runs at 127.0.0.1:" in other("up", "-d").stderr
    try:
        mine = json.loads((home / "instance.json").read_text())
        its = json.loads((tmp_path / "other" / "instance.json").read_text())
        assert mine["address"] != its["address"]
        assert mine["http_address"] != its["http_address"]
    finally:
        other("down")
