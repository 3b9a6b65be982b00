"""A scoring script is called as on Azure, in the Python of its environment, and its failures are told to its owner."""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from pathlib import Path

import pytest

from tests.unit.inference.scoring import Scoring, failing, serving

SCRIPT = """
import json, os, sys, threading
from azureml.core.model import Model

def init():
    global factor, thread
    thread = threading.current_thread()
    path = Model.get_model_path("doubler")
    assert path.startswith(os.environ["AZUREML_MODEL_DIR"])
    factor = float(open(path).read())
    print("init in", os.path.relpath(os.getcwd(), os.environ["AML_APP_ROOT"]))

def run(raw_data, request_headers):
    assert threading.current_thread() is thread is threading.main_thread()
    if raw_data == "headers":
        return request_headers
    if raw_data == "text":
        return json.dumps([1])
    if raw_data == "exit":
        os._exit(3)
    if raw_data == "sys.exit":
        sys.exit("enough")
    if raw_data == "object":
        return object()
    print("asked for", raw_data)
    return [factor * value for value in json.loads(raw_data)["data"]]
"""
FILES = {"source/score.py": SCRIPT, "azureml-models/doubler/3/model.txt": "2"}
UNEXPECTED = {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}


def answers_as_on_azure(folder: Path, python: str) -> None:
    with serving(folder, FILES, python, AZUREML_MODEL_DIR="./azureml-models/doubler/3") as script:
        answer = script.score({"data": [1, 2.5]})
        assert (answer.status, answer.json) == (200, [2.0, 5.0]), script.log
        assert answer.headers["Content-Type"] == "application/json"
        assert float(answer.headers["x-ms-run-fn-exec-ms"]) > 0
        # Text that run() returns is encoded once more, as on Azure.
        assert json.loads(script.score(b"text").json) == [1]
        told = script.score(b"headers", **{"x-my-header": "1", "x-orris-caller-authorization": "Basic x"}).json
        assert (told["X-My-Header"], told["Authorization"]) == ("1", "Basic x")
        assert "Bearer" not in str(told)
        assert script.ask("GET", "/score?data=[3]&other=text").json == [6.0]
        assert script.ask("GET", "/").body == b"Healthy"
        assert script.ask("OPTIONS", "/score").status == 200
        assert script.ask("GET", "/score", secret="wrong").status == 401
        assert script.score(b"\xff").status == 400
        for body in (b"{}", b"object", b"sys.exit"):
            failed = script.score(body)
            assert (failed.status, failed.json) == (500, UNEXPECTED)
            assert failed.headers["x-ms-run-function-failed"] == "True"
        log = script.log
        assert "init in .\n" in log
        assert 'asked for {"data": [1, 2.5]}\n' in log
        assert 'score.py", line 26, in run' in log
        assert "KeyError: 'data'" in log
        assert "orris_scoring" not in log
        assert "run() returned what is no JSON" in log
        assert "SystemExit: enough" in log


def test_it_answers_as_on_azure(tmp_path: Path) -> None:
    answers_as_on_azure(tmp_path, sys.executable)


@pytest.mark.needs("python3.6")
def test_it_answers_on_python_3_6(tmp_path: Path, python36: str) -> None:
    answers_as_on_azure(tmp_path, python36)


def test_modules_and_files_beside_the_script_are_found(tmp_path: Path) -> None:
    text = "import beside, above\ndef init(): pass\ndef run(data): return open('source/f').read()\n"
    files = {
        "source/scripts/score.py": text,
        "source/scripts/beside.py": "",
        "source/above.py": "",
        "source/f": "found",
    }
    with serving(tmp_path, files) as script:
        assert script.score({}).json == "found"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def init(:\n", "SyntaxError: "),
        ("import nothing_such\n", "ModuleNotFoundError: No module named 'nothing_such'"),
        ("def init():\n    raise ValueError('no model')\ndef run(data): pass\n", 'score.py", line 2, in init'),
        ("def run(data): pass\n", "score.py has no function init()"),
        ("def init(): pass\n", "score.py has no function run()"),
        ("def init(): pass\ndef run(): pass\n", "run() must have a parameter for the data"),
        ("def init(): pass\ndef run(request_headers): pass\n", "run() must have a parameter for the data"),
        ("def init(): pass\ndef run(*data): pass\n", "run() must name its parameters"),
        ("import sys\ndef init(): sys.exit(0)\ndef run(data): pass\n", "it called sys.exit(0)"),
    ],
)
def test_a_script_that_cannot_be_served_says_why_and_ends(tmp_path: Path, text: str, said: str) -> None:
    log = failing(tmp_path, {"score.py": text})
    assert said in log
    assert "orris_scoring" not in log


@pytest.mark.parametrize("name", ["WORKER_COUNT", "SCORING_TIMEOUT_MS"])
def test_a_setting_that_is_no_number_is_refused(tmp_path: Path, name: str) -> None:
    assert f"{name} must be a whole number" in failing(tmp_path, {"score.py": ""}, **{name: "many"})


def test_a_crash_of_the_script_ends_the_replica(tmp_path: Path) -> None:
    with serving(tmp_path, FILES) as script:
        with pytest.raises(RemoteDisconnected):
            script.score(b"exit")
        assert script.process.wait(10) == 3


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    text = "import time\ndef init(): pass\ndef run(data):\n    time.sleep(60 if data == 'long' else 0)\n    return 1\n"
    with serving(tmp_path, {"score.py": text}, SCORING_TIMEOUT_MS="300") as script:
        answer = script.score(b"long")
        assert (answer.status, answer.json) == (500, {"message": "Scoring timeout after 300 ms"})
        assert answer.headers["x-ms-run-function-failed"] == "True"
        assert script.score(b"short").json == 1
        assert 'score.py", line 4, in run' in script.log


class TestSeveralProcesses:
    TEXT = "import os\ndef init(): pass\ndef run(data):\n    if data == 'exit': os._exit(5)\n    return os.getpid()\n"

    def pids(self, script: Scoring) -> set[int]:
        return {script.score(b"who").json for _ in range(200)}

    def test_they_answer_side_by_side(self, tmp_path: Path) -> None:
        with serving(tmp_path, {"score.py": self.TEXT}, WORKER_COUNT="2") as script:
            found = self.pids(script)
            assert len(found) == 2
            assert script.process.pid not in found

    def test_the_end_of_one_is_the_end_of_all(self, tmp_path: Path) -> None:
        with serving(tmp_path, {"score.py": self.TEXT}, WORKER_COUNT="2") as script:
            found = self.pids(script)
            with pytest.raises(RemoteDisconnected):
                script.score(b"exit")
            assert script.process.wait(10) == 5
            for pid in found:
                with pytest.raises(ProcessLookupError):
                    os.kill(pid, signal.SIG_DFL)

    def test_all_end_when_the_first_is_ended(self, tmp_path: Path) -> None:
        with serving(tmp_path, {"score.py": self.TEXT}, WORKER_COUNT="2") as script:
            found = self.pids(script)
            script.process.terminate()
            assert script.process.wait(10) == 128 + signal.SIGTERM
            for pid in found:
                with pytest.raises(ProcessLookupError):
                    os.kill(pid, signal.SIG_DFL)

    def test_a_busy_one_takes_no_other_call(self, tmp_path: Path) -> None:
        """Each of two calls ends only when the other has begun: so they are in two processes at a time."""
        text = (
            "import os, time\ndef init(): pass\ndef run(data):\n    open(data, 'w').close()\n"
            "    while not os.path.exists('b' if data == 'a' else 'a'): time.sleep(0.01)\n    return os.getpid()\n"
        )
        with ThreadPoolExecutor(2) as pool, serving(tmp_path, {"score.py": text}, WORKER_COUNT="2") as script:
            answers = [pool.submit(script.score, data) for data in (b"a", b"b")]
            assert len({answer.result().json for answer in answers}) == 2

    def test_a_failing_init_is_told(self, tmp_path: Path) -> None:
        text = "def init():\n    raise ValueError('no model')\ndef run(data): pass\n"
        log = failing(tmp_path, {"score.py": text}, WORKER_COUNT="2")
        assert "ValueError: no model" in log
