"""What comes with Orris can be made beforehand: then a first model waits for no build, from training to its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.test_story import FLOWERS

pytestmark = pytest.mark.needs("pypi")

TRAIN = """
import os
import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

os.makedirs("outputs", exist_ok=True)
joblib.dump(LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True)), "outputs/model.joblib")
"""


@pytest.fixture(scope="module")
def orris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orris]:
    """The command line of an instance in which nobody has built anything."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "train.py").write_text(TRAIN)
    run = command_line(tmp_path_factory.mktemp("home"), folder)
    run("up", "-d")
    yield run
    run("down")


def builds(orris: Orris) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orris("builds", "list", "--json").stdout)
    return found


def test_nothing_is_built_from_training_to_serving_once_the_curated_environments_are(orris: Orris) -> None:
    assert builds(orris) == []
    made = json.loads(orris("environments", "build", "--curated", "--json").stdout)
    assert {made[f"orris-sklearn{rest}"]["status"] for rest in ("", ", conversion of its models")} == {"Succeeded"}
    before = builds(orris)
    orris("submit", "--environment", "orris-sklearn", "train.py")
    (run,) = json.loads(orris("runs", "list", "--json").stdout)
    orris("models", "register", "iris", "outputs/model.joblib", "--run", run["runId"])
    orris("deploy", "iris", "--name", "iris")
    assert json.loads(orris("predict", "iris", "--data", FLOWERS, "--method", "predict").stdout) == [0, 2]
    assert builds(orris) == before
    assert json.loads(orris("models", "show", "iris", "--json").stdout)["conversion"]["state"] == "Verified"
