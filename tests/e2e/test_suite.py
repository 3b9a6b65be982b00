"""Five services and an agent as processes of their own: the story, while each of them is killed and started again."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orris import Environment, Experiment, Model, Run, ScriptRunConfig, Workspace
from orris.errors import OrrisError
from tests.e2e.processes import processes_of, wait_until
from tests.e2e.suite import SERVICES, Suite
from tests.servers.databases import Databases

FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
TRAIN = """
import os, joblib
from azureml.core.run import Run
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
x, y = datasets.load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000).fit(x, y)
print("gr\u00fc\u00dfe \\x00 and no newline", end="")
Run.get_context().log("Accuracy", model.score(x, y))
os.makedirs("outputs")
joblib.dump(model, "outputs/model.joblib")
"""
# Half of it, then the rest when the file `go` is there: however slow the machine is, it runs until then.
COUNT = """
import os, time
for number in range(200):
    while number == 100 and not os.path.exists({go!r}):
        time.sleep(0.05)
    print('line', number, flush=True)
    time.sleep(0.01)
"""
COUNTED = b"".join(b"line %d\n" % number for number in range(200))
LAST_WORDS = "import os\nos.makedirs('outputs')\nopen('outputs/kept', 'w').write('x')\nprint('done')\n"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of one database for all services; empty: each has a file of its own."""
    if request.param == "sqlite":
        yield ""
        return
    databases: Databases = request.getfixturevalue("postgres_databases")
    with databases.new() as url:
        yield url


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("suite"), database)
    # Nobody finds whom it needs at first: `runs`, which makes the keys, comes last.
    suite.start("agent", "inference", "models", "images", "artifacts", "runs")
    try:
        yield suite
    finally:
        suite.close()


@pytest.fixture(scope="module")
def workspace(suite: Suite) -> Iterator[Workspace]:
    suite.until_up()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ORRIS_ADDRESS", "ORRIS_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("ORRIS_HOME", str(suite.root / "client"))
        patch.setenv("ORRIS_TOKEN_FILE", str(suite.keys / "user.token"))
        for name, value in suite.addresses.items():
            patch.setenv(name, value)
        yield Workspace.get("default")


@pytest.fixture(scope="module")
def environment(workspace: Workspace) -> Environment:
    environment = Environment("suite", pip_packages=["scikit-learn", "joblib"])
    environment.build(workspace).wait_for_completion()
    return environment


def submit(workspace: Workspace, environment: Environment, folder: Path, script: str) -> Run:
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(script, encoding="utf-8")
    source = ScriptRunConfig(source_directory=folder, script="script.py", environment=environment)
    return Experiment(workspace, "suite").submit(source)


def log_of(run: Run) -> bytes:
    return b"".join(run.follow_log(follow=False))


def test_the_story_is_told_while_every_service_is_killed_once(
    suite: Suite, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    suite.restart("images", "artifacts")
    run = submit(workspace, environment, tmp_path / "train", TRAIN)
    run.wait_for_completion()
    suite.restart("runs")
    assert run.refresh().status == "Completed"
    assert run.get_metrics()["Accuracy"] > 0.9
    written = "gr\u00fc\u00dfe \x00 and no newline".encode()
    assert log_of(run) == written

    model = run.register_model(
        model_name="suite", model_path="outputs/model.joblib", model_framework=Model.Framework.SCIKITLEARN
    )
    suite.restart("models")
    conversion = model.wait_for_conversion()
    assert conversion.verified, conversion.message

    endpoint = Model.deploy(workspace, "suite", [model])
    suite.restart("inference")
    endpoint.wait_for_deployment()
    key = endpoint.get_keys()[0]
    assert score(endpoint.scoring_uri, key) == [0, 2]
    assert infer(endpoint.scoring_uri, key) == [0, 2]

    suite.kill("agent", *SERVICES)
    suite.start("models", "inference", "agent", "artifacts", "images", "runs")
    wait_until(lambda: _answers(endpoint.scoring_uri, key))
    assert infer(endpoint.scoring_uri, key) == [0, 2]
    suite.until_up()
    assert log_of(run) == written
    assert run.refresh().get_metrics()["Accuracy"] > 0.9
    endpoint.delete()


def test_a_run_is_adopted_by_the_next_agent_and_every_line_is_there_once(
    suite: Suite, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    run = submit(workspace, environment, tmp_path / "count", COUNT.format(go=str(tmp_path / "go")))
    wait_until(lambda: b"line 20\n" in log_of(run))
    suite.kill("agent")
    assert any("script.py" in each for each in processes_of(suite.root / "agent").values()), "a run outlives its agent"
    suite.start("agent")
    (tmp_path / "go").touch()
    run.wait_for_completion()
    assert run.refresh().status == "Completed"
    assert log_of(run) == COUNTED


def test_a_service_that_stands_by_takes_over_when_the_first_is_killed(
    suite: Suite, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    suite.start("runs")
    wait_until(lambda: "another runs service uses this database" in suite.log("runs"))
    run = submit(workspace, environment, tmp_path / "short", LAST_WORDS)
    suite.kill("runs")
    suite.until_up()
    run.wait_for_completion()
    assert log_of(run) == b"done\n"


def test_nothing_is_lost_while_the_database_is_away(
    suite: Suite,
    workspace: Workspace,
    environment: Environment,
    tmp_path: Path,
    database: str,
    request: pytest.FixtureRequest,
) -> None:
    if not database:
        pytest.skip("a file is always there")
    databases: Databases = request.getfixturevalue("postgres_databases")
    if databases.server.program is None:
        pytest.skip("somebody else's server: ORRIS_TEST_POSTGRES")
    run = submit(workspace, environment, tmp_path / "count", COUNT.format(go=str(tmp_path / "go")))
    wait_until(lambda: b"line 20\n" in log_of(run))
    databases.server.program.stop()
    wait_until(lambda: "the database cannot be reached" in suite.log("runs"))
    (tmp_path / "go").touch()
    databases.server.program.start()
    wait_until(lambda: _listed(workspace))
    run.wait_for_completion()
    assert log_of(run) == COUNTED


def test_runs_wait_for_the_artifacts_service(
    suite: Suite, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    """A restart must not cost the outputs of a day: neither of what ends meanwhile, nor of what begins."""
    ending = submit(workspace, environment, tmp_path / "ending", "import time\ntime.sleep(2)\n" + LAST_WORDS)
    wait_until(lambda: ending.refresh().status == "Running")
    suite.kill("agent")
    beginning = submit(workspace, environment, tmp_path / "beginning", LAST_WORDS)
    suite.kill("artifacts")
    suite.start("agent")
    for run, status in ((ending, "Finalizing"), (beginning, "Queued")):
        wait_until(lambda run=run: "artifacts" in run.refresh().status_reason, 60)  # type: ignore[misc]  # bound now
        assert run.status == status
    suite.start("artifacts")
    for run in (ending, beginning):
        run.wait_for_completion()
        assert log_of(run) == b"done\n"
        assert "outputs/kept" in run.get_file_names()


def test_who_does_not_want_to_wait_for_the_artifacts_service_cancels(
    suite: Suite, workspace: Workspace, environment: Environment, tmp_path: Path
) -> None:
    script = COUNT.format(go=str(tmp_path / "go")) + LAST_WORDS
    run = submit(workspace, environment, tmp_path / "count", script)
    wait_until(lambda: b"line 20\n" in log_of(run))
    suite.kill("artifacts")
    (tmp_path / "go").touch()
    wait_until(lambda: run.refresh().status == "Finalizing")
    run.cancel("nobody needs what it has left")
    wait_until(lambda: run.refresh().status == "Canceled")
    assert "nobody needs what it has left" in run.status_reason
    assert log_of(run) == COUNTED + b"done\n"
    suite.start("artifacts")
    suite.until_up()


def test_no_service_has_failed_inside(suite: Suite) -> None:
    """What nobody expected has a traceback in the log; neighbours that come and go are expected."""
    for noun in (*SERVICES, "agent"):
        told = [line for line in suite.log(noun).splitlines() if '"level": "error"' in line or "Traceback" in line]
        assert not told, f"{noun}: {told[0]}"


def _listed(workspace: Workspace) -> bool:
    try:
        return bool(list(Experiment(workspace, "suite").get_runs()))
    except OrrisError:
        return False


def score(uri: str, key: str) -> Any:
    return _post(uri, {"data": FLOWERS, "method": "predict"}, key)


def infer(uri: str, key: str) -> Any:
    server, name = uri.split("/api/")[0], uri.split("/")[-2]
    tensor = {"name": "X", "datatype": "FP64", "shape": [2, 4], "data": FLOWERS}
    answer = _post(f"{server}/v2/models/{name}/infer", {"inputs": [tensor], "outputs": [{"name": "predict"}]}, key)
    return answer["outputs"][0]["data"]


def _answers(uri: str, key: str) -> bool:
    try:
        return bool(score(uri, key) == [0, 2])
    except OSError:
        return False


def _post(uri: str, body: Any, key: str) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(uri, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
