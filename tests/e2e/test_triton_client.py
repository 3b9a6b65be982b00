"""The public V2 client, in an environment of its own, gets what scikit-learn answers where the model was made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import Orris, command_line

SCRIPTS = Path(__file__).parent / "scripts"
# Not in requirements.lock: its copy of the protocol and ours cannot be loaded by one process.
CLIENT = "tritonclient[grpc]==2.73.0"
KEPT = Path(__file__).parents[2] / "build" / "tritonclient-2.73.0"
MODELS = {"v2-graph": "Onnx", "v2-nan-graph": "Onnx", "v2-original": "Replica", "v2-nan-original": "Replica"}

pytestmark = pytest.mark.needs("pypi")


@pytest.fixture(scope="session")
def client_python() -> Path:
    """The interpreter of an environment with the client, made once and kept below build/."""
    python = KEPT / "bin" / "python"
    if not (KEPT / "complete").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, KEPT], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, CLIENT], check=True)
        (KEPT / "complete").touch()
    return python


@pytest.fixture(scope="module")
def deployed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Orris, Path]:
    """The command line, and the folder with what the training run wrote down; all models are deployed."""
    folder = tmp_path_factory.mktemp("v2")
    orris = command_line(home, folder)
    (folder / "train.py").write_text((SCRIPTS / "train_for_v2.py").read_text())
    orris("submit", "--environment", "orris-sklearn", "--experiment", "v2", "train.py")
    run = json.loads(orris("runs", "list", "--json").stdout)[0]["runId"]
    orris("runs", "download", run, "--into", str(folder))
    for name in MODELS:
        orris("models", "register", name, f"outputs/{name}.joblib", "--run", run)
    for name in MODELS:
        orris("deploy", name, "--name", name)
    return orris, folder / "outputs"


@pytest.mark.parametrize("name", MODELS)
def test_its_answers_are_those_of_scikit_learn(
    deployed: tuple[Orris, Path], client_python: Path, home: Path, tmp_path: Path, name: str
) -> None:
    orris, written = deployed
    assert json.loads(orris("endpoints", "show", name, "--json").stdout)["backend"] == MODELS[name]
    answers = ask(client_python, home, orris, name, written / f"{name}.npz", tmp_path / "answers.npz")
    expected = np.load(written / f"{name}.npz")
    assert np.isnan(expected["rows"]).any() == ("nan" in name)
    for count in (1, 1000):
        assert (answers[f"predict_{count}"] == expected["predict"][:count]).all()
        assert answers[f"predict_proba_{count}"].shape == (count, 3)
        np.testing.assert_allclose(
            answers[f"predict_proba_{count}"],
            expected["predict_proba"][:count],
            # A graph computes probabilities in single precision; the original is the original.
            rtol=0,
            atol=1e-5 if MODELS[name] == "Onnx" else 0,
        )


def ask(python: Path, home: Path, orris: Orris, endpoint: str, rows: Path, answers: Path) -> Any:
    address = json.loads((home / "instance.json").read_text())["address"]
    key = json.loads(orris("endpoints", "keys", endpoint, "--json").stdout)["primary"]
    script = SCRIPTS / "ask_triton_client.py"
    command = [python, "-I", script, address, key, endpoint, rows, answers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(answers)
