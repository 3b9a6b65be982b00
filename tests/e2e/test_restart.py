"""What survives when the process of an instance is killed (SIGKILL): all that was acknowledged."""

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
from tests.e2e.test_story import FLOWERS, score

TRAIN = """
import os, joblib, numpy
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
x, y = datasets.load_iris(return_X_y=True)
os.mkdir("outputs")
joblib.dump(LogisticRegression(max_iter=1000).fit(x, y), "outputs/graph.joblib")
# No graph can be made of any function.
pipeline = make_pipeline(FunctionTransformer(numpy.log1p), LogisticRegression(max_iter=1000)).fit(x, y)
joblib.dump(pipeline, "outputs/original.joblib")
"""
# Half of it, then the rest when its instance is killed: however slow the machine is, it runs while that happens.
COUNT = """
import os, time
for number in range(200):
    while number == 100 and not os.path.exists({go!r}):
        time.sleep(0.05)
    print('line', number, flush=True)
    time.sleep(0.01)
"""
COUNTED = "".join(f"line {number}\n" for number in range(200))
ENVIRONMENT = ("--environment", "orris-sklearn")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Orris]]:
    """An instance of its own: it is killed."""
    home, folder = tmp_path_factory.mktemp("killed"), tmp_path_factory.mktemp("project")
    orris = command_line(home, folder)
    (folder / "train.py").write_text(TRAIN)
    (folder / "count.py").write_text(COUNT.format(go=str(home / "go")))
    (folder / "short.py").write_text("print('short')\n")
    orris("up", "-d")
    yield home, orris
    orris("down")


def test_everything_goes_on_after_the_process_was_killed(lived: tuple[Path, Orris]) -> None:
    home, orris = lived
    orris("submit", *ENVIRONMENT, "train.py")
    trained = runs(orris)[0]["runId"]
    for name in ("graph", "original"):
        orris("models", "register", name, f"outputs/{name}.joblib", "--run", trained)
        orris("deploy", name, "--name", name, "--no-auth")
    before = {name: endpoint(orris, name) for name in ("graph", "original")}
    assert {name: each["backend"] for name, each in before.items()} == {"graph": "Onnx", "original": "Replica"}
    counting = submit(orris, "count.py")
    others = [submit(orris, script) for script in ("count.py", "short.py", "short.py")]
    wait_until(lambda: log_begun(orris, counting) and "line 20\n" in orris("runs", "logs", counting).stdout)

    pid = json.loads((home / "instance.json").read_text())["pid"]
    agents = [pid for pid, command in processes_of(home).items() if "orris_agent --until-eof" in command]
    assert agents
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(agents) & processes_of(home).keys(), 10)
    assert any("count.py" in command for command in processes_of(home).values()), "a run outlives its agent"
    (home / "go").touch()
    orris("up", "-d")

    for name, each in before.items():
        wait_until(lambda each=each: answers(each) == [0, 2])  # type: ignore[misc]  # bound now
        assert endpoint(orris, name)["scoringUri"] == each["scoringUri"]
    for run in (counting, *others):
        orris("runs", "logs", "--follow", run)
        wait_until(lambda run=run: "Completed" in orris("runs", "show", run).stdout)  # type: ignore[misc]  # bound now
    assert orris("runs", "logs", counting).stdout == COUNTED
    assert orris("runs", "logs", others[-1]).stdout == "short\n"


def test_down_leaves_no_process_and_may_be_said_twice(lived: tuple[Path, Orris]) -> None:
    home, orris = lived
    (home / "go").unlink()
    running = submit(orris, "count.py")
    wait_until(lambda: any("count.py" in command for command in processes_of(home).values()))
    orris("down")
    assert processes_of(home) == {}
    assert "no Orris is running" in orris("down").stderr
    told = (home / "orris.log").read_text()
    for fault in ("Traceback", "never retrieved", "was destroyed", "fork_posix", '"level": "error"'):
        assert fault not in told
    orris("up", "-d")
    assert "Canceled" in orris("runs", "show", running).stdout


def submit(orris: Orris, script: str) -> str:
    submitted = orris("submit", *ENVIRONMENT, "--no-wait", "--json", script).stdout
    return str(json.loads(submitted)["runId"])


def runs(orris: Orris) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orris("runs", "list", "--json").stdout)
    return found


def log_begun(orris: Orris, run: str) -> bool:
    return "Running" in orris("runs", "show", run).stdout


def endpoint(orris: Orris, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("endpoints", "show", name, "--json").stdout)
    return found


def answers(endpoint: dict[str, Any]) -> Any:
    try:
        status, answer = score(endpoint, {"data": json.loads(FLOWERS), "method": "predict"})
    except OSError:
        return None
    return answer if status == 200 else None
