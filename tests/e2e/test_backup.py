"""Everything that an instance keeps, backed up while it works, and another instance made of it."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import tarfile
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until

TRAIN = """\
import joblib, os
from azureml.core.run import Run
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=500).fit(X, y)
run = Run.get_context()
run.log("accuracy", model.score(X, y))
os.makedirs("outputs", exist_ok=True)
joblib.dump(model, "outputs/model.joblib")
print("trained with", len(X), "flowers")
"""
SLOW = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"
ENVIRONMENT = ("--environment", "orris-sklearn")
FLOWERS = "[[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An instance with a model that is served, and a run that executes; backed up into a file and a folder."""
    folder = tmp_path_factory.mktemp("backup")
    home = tmp_path_factory.mktemp("old")
    orris = command_line(home, folder)
    (folder / "train.py").write_text(TRAIN)
    (folder / "slow.py").write_text(SLOW)
    orris("up", "-d")
    try:
        run = json.loads(orris("submit", *ENVIRONMENT, "--no-wait", "--json", "train.py").stdout)["runId"]
        orris("runs", "logs", "--follow", run)
        wait_until(lambda: "Completed" in orris("runs", "show", run).stdout)
        orris("models", "register", "flowers", "outputs/model.joblib", "--run", run)
        orris("deploy", "flowers", "--name", "flowers")
        slow = json.loads(orris("submit", *ENVIRONMENT, "--no-wait", "--json", "slow.py").stdout)["runId"]
        wait_until(lambda: "begun" in orris("runs", "logs", slow).stdout)
        answer = orris("predict", "flowers", "--data", FLOWERS, "--method", "predict").stdout
        orris("backup", "all.tar.gz")
        orris("backup", "all")
        yield folder, orris, run, slow, answer, metrics_of(orris)
    finally:
        orris("down")


def metrics_of(orris: Orris) -> dict[str, float]:
    address = json.loads(orris("status", "--json").stdout)["http_address"]
    with urllib.request.urlopen(f"{address}/metrics") as page:
        families = text_string_to_metric_families(page.read().decode())
        return {
            f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
            for family in families
            for sample in family.samples
        }


@pytest.mark.parametrize("backup", ["all.tar.gz", "all"])
def test_a_home_made_of_a_backup_has_everything_and_predicts_alike(story: Any, tmp_path: Path, backup: str) -> None:
    folder, _, run, slow, answer, _ = story
    home = tmp_path / "new"
    orris = command_line(home, tmp_path)
    orris("restore", str(folder / backup))
    assert not (home / "environments").exists()
    orris("up", "-d")
    try:
        wait_until(lambda: "Healthy" in orris("endpoints", "show", "flowers").stdout, 120)
        assert orris("predict", "flowers", "--data", FLOWERS, "--method", "predict").stdout == answer
        assert orris("runs", "logs", run).stdout == "trained with 150 flowers\n"
        assert "accuracy" in orris("runs", "metrics", run).stdout
        lost = json.loads(orris("runs", "show", slow, "--json").stdout)
        assert lost["status"] == "Failed"
        assert "lost" in json.dumps(lost)
        orris("submit", *ENVIRONMENT, "train.py", cwd=folder)  # its environment is made again
    finally:
        orris("down")


def test_a_backup_is_readable_by_its_owner_only_and_has_what_it_says(story: Any) -> None:
    folder = story[0]
    assert stat.S_IMODE((folder / "all.tar.gz").stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "all").rglob("*") if path.is_file()} == {0o600}
    with tarfile.open(folder / "all.tar.gz") as archive:
        names = archive.getnames()
    assert {"signing.key", "user.token", "runs/runs.db"} <= set(names)
    assert not [name for name in names if "environments" in name or name.endswith((".lock", "-wal", "-shm"))]
    with closing(sqlite3.connect(folder / "all" / "artifacts" / "artifacts.db")) as connection:
        objects = {row[0] for row in connection.execute("SELECT object FROM blobs")}
    assert objects
    assert all((folder / "all" / "artifacts" / "blobs" / key).is_file() for key in objects)


def test_neither_a_target_nor_a_home_is_written_over(story: Any, tmp_path: Path) -> None:
    folder, orris, *_ = story
    before = (folder / "all.tar.gz").stat()
    assert "is there already" in orris("backup", "all.tar.gz", code=1).stderr
    assert (folder / "all.tar.gz").stat() == before
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine").write_text("kept")
    assert "not empty" in command_line(tmp_path / "home", folder)("restore", "all", code=1).stderr
    assert os.listdir(tmp_path / "home") == ["mine"]


def test_half_a_backup_and_what_is_none_make_no_home(story: Any, tmp_path: Path) -> None:
    folder = story[0]
    whole = (folder / "all.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.tar").write_bytes(b"no archive")
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        member = tarfile.TarInfo("../../stolen")
        archive.addfile(member)
    orris = command_line(tmp_path / "home", tmp_path)
    for source in ("half.tar.gz", "other.tar", "hostile.tar"):
        assert source in orris("restore", source, code=1).stderr
        assert sorted(os.listdir(tmp_path)) == ["half.tar.gz", "hostile.tar", "other.tar"]


def test_one_page_has_the_numbers_of_all_services(story: Any) -> None:
    found = story[-1]
    assert found["orris_runs[('state', 'running')]"] == 1
    assert found["orris_runs[('state', 'completed')]"] >= 1
    assert found["orris_agents_connected[('pool', 'local')]"] == 1
    assert found["orris_leases[('slot', 'work')]"] == 1
    assert found["orris_queue_length[('pool', 'local'), ('slot', 'work')]"] == 0
    assert found["orris_builds[('state', 'succeeded')]"] >= 1
    assert found["orris_blobs"] > 0
    assert found["orris_endpoints[('state', 'healthy')]"] == 1
    assert found["orris_prediction_seconds_count[('endpoint', 'flowers')]"] == 1
    create = "[('code', 'OK'), ('method', '/orris.runs.v1.RunService/CreateRun')]"
    assert found[f"orris_rpc_seconds_count{create}"] >= 2
    assert found["process_cpu_seconds_total"] > 0
