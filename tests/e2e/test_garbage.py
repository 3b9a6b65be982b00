"""Nothing that anybody needs is collected, and all that nobody needs: the whole story, days later."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orris_artifacts.object_keys import made_at, new_id
from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until
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
for number in range(10_000):
    print("line", number)
"""
LINES = "".join(f"line {number}\n" for number in range(10_000))
FAILS = "import os\nos.mkdir('outputs')\nopen('outputs/kept', 'w').write('of a failure')\nraise ValueError('bad')\n"
WAITS = (
    "import os, time\nos.mkdir('outputs')\nopen('outputs/kept', 'w').write('of a cancel')\n"
    "print('up', flush=True)\ntime.sleep(600)\n"
)
ASKS = """
from azureml.core import Dataset, Run
Dataset.get_by_name(Run.get_context().experiment.workspace, "asked")
"""
ENVIRONMENT = ("--environment", "orris-sklearn")
SOON = {"ORRIS_ARTIFACTS_GRACE": "600", "ORRIS_ARTIFACTS_SWEEP_INTERVAL": "0"}


class Instance:
    """An instance of its own; `orris` is its command line, in a folder with scripts."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.orris: Orris = command_line(home, folder, **SOON)
        self.blobs = home / "artifacts" / "blobs"

    def days_pass(self) -> None:
        """Let all that is stored be three days older; the instance starts again."""
        self.orris("down")
        with sqlite3.connect(self.home / "artifacts" / "artifacts.db") as database:
            for table in ("blobs", "trees"):
                database.execute(
                    f"UPDATE {table} SET use_time = use_time - {timedelta(days=3).total_seconds():.0f}000000"
                )
            for file in self.blobs.glob("*/*/*"):
                key = str(file.relative_to(self.blobs))
                if (made := made_at(key)) is not None:
                    older = key[:-24] + new_id(made - timedelta(days=3))
                    file.rename(self.blobs / older)
                    database.execute("UPDATE blobs SET object = ? WHERE object = ?", (older, key))
        self.orris("up", "-d")

    def collect(self) -> dict[str, int]:
        (found,) = json.loads(self.orris("gc", "--json").stdout)
        return {name: found[name] for name in ("trees", "blobs", "objects")}

    def storage(self) -> dict[str, Any]:
        (found,) = json.loads(self.orris("storage", "--json").stdout)
        assert isinstance(found, dict)
        return found

    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self.blobs.glob("*/*/*"))

    def run(self, script: str, code: int = 0, *options: str) -> str:
        """Submit a script to its end; return the run's id."""
        self.orris("submit", *ENVIRONMENT, *options, script, code=code)
        return str(json.loads(self.orris("runs", "list", "--json").stdout)[0]["runId"])

    def answers(self, endpoint: str) -> bool:
        found = json.loads(self.orris("endpoints", "show", endpoint, "--json").stdout)
        asked = {"data": json.loads(FLOWERS), "method": "predict"}
        return found["state"] == "Healthy" and score(found, asked) == (200, [0, 2])


@pytest.fixture
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    home, folder = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("project")
    for name, text in {"train.py": TRAIN, "fails.py": FAILS, "waits.py": WAITS, "asks.py": ASKS}.items():
        (folder / name).write_text(text)
    made = Instance(home, folder)
    made.orris("up", "-d")
    yield made
    made.orris("down")


def test_what_is_needed_works_days_later_and_what_was_deleted_is_gone(instance: Instance, tmp_path: Path) -> None:
    orris = instance.orris
    trained, failed = instance.run("train.py"), instance.run("fails.py", 1)
    canceled = json.loads(orris("submit", *ENVIRONMENT, "--no-wait", "--json", "waits.py").stdout)["runId"]
    wait_until(lambda: "user_logs/std_log.txt" in orris("runs", "files", canceled).stdout)
    wait_until(lambda: "up\n" in orris("runs", "logs", canceled).stdout)
    orris("runs", "cancel", canceled)
    asked = os.urandom(2 * 1024 * 1024)
    (tmp_path / "asked").mkdir()
    (tmp_path / "asked" / "bytes").write_bytes(asked)
    orris("data", "create", "asked", str(tmp_path / "asked"))
    instance.run("asks.py")
    orris("data", "delete", "asked:1")
    wait_until(lambda: json.loads(orris("runs", "show", canceled, "--json").stdout)["status"] == "Canceled")
    for name in ("graph", "original"):
        orris("models", "register", name, f"outputs/{name}.joblib", "--run", trained)
        orris("deploy", name, "--name", name, "--no-auth")
    for _ in range(2):
        instance.days_pass()
        for name in ("graph", "original"):  # a replica that starts again needs its program again
            wait_until(lambda name=name: instance.answers(name))  # type: ignore[misc]
        found = instance.collect()
    assert (found["trees"], found["blobs"]) == (0, 0)  # a pack that was packed anew is an object still

    # What a run has read is there as long as the run.
    assert list(instance.blobs.glob(f"*/*/{hashlib.sha256(asked).hexdigest()}-*"))
    # What ran is there, however it ended.
    assert orris("runs", "logs", trained).stdout == LINES
    orris("runs", "download", trained, "outputs", "--into", str(tmp_path))
    assert sorted(path.name for path in (tmp_path / "outputs").iterdir()) == ["graph.joblib", "original.joblib"]
    for run, text in ((failed, "of a failure"), (canceled, "of a cancel")):
        orris("runs", "download", run, "outputs/kept", "--into", str(tmp_path / run))
        assert (tmp_path / run / "outputs" / "kept").read_text() == text
    # What was registered and deployed serves, and can be deployed again.
    for name in ("graph", "original"):
        orris("models", "download", name, "--into", str(tmp_path / name))
        wait_until(lambda name=name: instance.answers(name))  # type: ignore[misc]
        orris("deploy", name, "--name", f"{name}-again", "--no-auth")
        assert instance.answers(f"{name}-again")
    # What was submitted can be submitted again.
    assert orris("runs", "logs", instance.run("train.py")).stdout == LINES


def test_a_models_bytes_go_when_it_is_deleted(instance: Instance, tmp_path: Path) -> None:
    """With those that its conversion and its replica have left."""
    orris = instance.orris
    trained = instance.run("train.py")
    orris("runs", "download", trained, "outputs", "--into", str(tmp_path))
    instance.days_pass()
    instance.collect()
    before = instance.storage(), instance.bytes_on_disk()
    for name in ("graph", "original"):
        file = tmp_path / "outputs" / f"{name}.joblib"
        file.write_bytes(file.read_bytes() + datetime.now(UTC).isoformat().encode())  # behind the pickle's end
        orris("models", "register", name, str(file), *ENVIRONMENT)
        orris("deploy", name, "--name", name, "--no-auth")
        assert instance.answers(name)
        assert list(instance.blobs.glob(f"*/*/{hashlib.sha256(file.read_bytes()).hexdigest()}-*"))
    assert instance.storage()["blob_bytes"] > before[0]["blob_bytes"]
    for name in ("graph", "original"):
        orris("endpoints", "delete", name)
        orris("models", "delete", f"{name}:1")
    wait_until(lambda: json.loads(orris("storage", "--json").stdout)[0]["owners"] == before[0]["owners"])
    instance.days_pass()
    instance.collect()
    instance.days_pass()
    instance.collect()
    after = instance.storage()
    assert {key: after[key] for key in ("trees", "blobs", "blob_bytes", "owners")} == {
        key: before[0][key] for key in ("trees", "blobs", "blob_bytes", "owners")
    }
    assert instance.bytes_on_disk() <= before[1]
