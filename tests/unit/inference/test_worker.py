"""The worker answers with the model of a training script, and with nothing else of that script."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orris_inference.shipping import worker_files

SCRIPT = """
import os

FACTOR = 2


class Doubler:
    def predict(self, rows):
        if len(rows[0]) != 2:
            raise ValueError("2 features are needed")
        if rows[0][0] == 13:
            raise RuntimeError("unlucky")
        return [[FACTOR * float(value) for value in row] for row in rows]


open(os.environ["TRAINED"], "a").write("trained")
"""


@contextmanager
def worker(folder: Path, python: str = sys.executable) -> Iterator[tuple[http.client.HTTPConnection, Path]]:
    for path, data in worker_files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "source").mkdir()
    (folder / "source" / "train.py").write_text(SCRIPT)
    (folder / "model.pkl").write_bytes(b"c__main__\nDoubler\n)\x81.")
    command = [python, "serve.py", "--model", "model.pkl", "--source", "source", "--script", "train.py"]
    environment = {"PATH": os.environ["PATH"], "ORRIS_RUN_FOLDER": str(folder), "ORRIS_REPLICA_SECRET": "s",
                   "TRAINED": str(folder / "trained"), "PYTHONUNBUFFERED": "1"}  # fmt: skip
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        journal, end = folder / "journal.jsonl", time.monotonic() + 20
        while not journal.exists() or not journal.read_text().endswith("\n"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        event = json.loads(journal.read_text())
        assert event["event"] == "address"
        yield http.client.HTTPConnection(event["value"], timeout=10), log
    finally:
        process.kill()
        process.wait()


def ask(connection: http.client.HTTPConnection, body: Any, secret: str = "s") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {secret}"}
    connection.request("POST", "/call", json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def check(folder: Path, python: str) -> None:
    with worker(folder, python) as (connection, log):
        status, answer = ask(connection, {"method": "predict", "data": [["1", 2]]})
        assert (status, answer["result"]) == (200, [[2.0, 4.0]]), answer
        assert ask(connection, {"method": "predict", "data": [[1, 2, 3]]})[0] == 400
        assert ask(connection, {"method": "__init__", "data": [[1]]})[0] == 400
        status, answer = ask(connection, {"method": "predict", "data": [["13", 2]]})
        assert status == 200
        assert ask(connection, {"method": "predict", "data": [[1, 2]]}, secret="wrong")[0] == 401
        assert "Serving" in log.read_text()
    assert not (folder / "trained").exists()


def test_a_class_of_the_script_is_found_without_training(tmp_path: Path) -> None:
    check(tmp_path, sys.executable)


@pytest.mark.needs("python3.6")
def test_it_runs_on_python_3_6(tmp_path: Path, python36: str) -> None:
    (tmp_path / "numpy.py").write_text("def array(rows, dtype=None):\n    return rows\n")
    check(tmp_path, python36)


def test_the_answer_has_plain_values() -> None:
    import numpy as np
    import pandas as pd
    from scipy import sparse

    sys.path.insert(0, str(Path(__file__).parents[3] / "services/inference/orris_inference/inside"))
    try:
        from orris_worker.answer import encode  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    assert json.loads(encode(np.array(["a", "b"]))) == {"result": ["a", "b"], "dtype": "<U1"}
    assert json.loads(encode(np.array([True])))["result"] == [True]
    assert json.loads(encode([np.ones((1, 2)), np.zeros((1, 2))]))["result"] == [[[1, 1]], [[0, 0]]]
    assert json.loads(encode(pd.DataFrame({"a": [1]})))["result"] == [[1]]
    assert json.loads(encode(sparse.csr_matrix([[0, 3]])))["result"] == [[0, 3]]
