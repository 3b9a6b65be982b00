"""Where the program says VERIFIED, ONNX Runtime answers fresh inputs like the original."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest

from orris_models.model import State
from orris_models.program import SCRIPT, program
from orris_models.report import parse
from tests.integration.models.estimators import CASES, MUST_CONVERT, fit

HERE = Path(__file__).parent


class Examined:
    """What came out for one model."""

    def __init__(self, name: str, folder: Path) -> None:
        self.model, self.fresh = fit(name)
        data = (folder / "outputs" / name / "report.json").read_bytes()
        self.signature, self.conversion = parse(data)
        self._graph = folder / "outputs" / name / "model.onnx"

    @property
    def verified(self) -> bool:
        assert self._graph.exists() == (self.conversion.state is State.VERIFIED)
        return self._graph.exists()

    def answers(self, inputs: Any) -> dict[str, Any]:
        session = onnxruntime.InferenceSession(self._graph, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(names, feed(session, inputs)), strict=True))


def feed(session: Any, inputs: Any) -> dict[str, Any]:
    """Give the graph its inputs as a server would: by position, in the types that it declares."""
    types = {
        "tensor(double)": np.float64,
        "tensor(int64)": np.int64,
        "tensor(string)": object,
        "tensor(bool)": np.bool_,
    }
    wanted = session.get_inputs()
    if isinstance(inputs, list):
        return {wanted[0].name: np.array(inputs, dtype=object).reshape(-1, 1)}
    if len(wanted) == 1:
        return {wanted[0].name: np.asarray(inputs, dtype=np.float64)}
    columns = zip(wanted, inputs.columns, strict=True)
    return {value.name: inputs[[column]].to_numpy().astype(types[value.type]) for value, column in columns}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examined")
    place(program(), folder)
    for name in CASES:
        joblib.dump(fit(name)[0], folder / f"{name}.joblib")
    subprocess.run([sys.executable, HERE / "scripts" / "examine_all.py", str(folder)], cwd=folder, check=True)
    return folder


def place(files: dict[str, bytes], folder: Path) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


@pytest.mark.parametrize("name", CASES)
def test_a_verified_graph_answers_fresh_inputs_like_the_original(name: str, folder: Path) -> None:
    examined = Examined(name, folder)
    if not examined.verified:
        assert name not in MUST_CONVERT, examined.conversion.message
        assert examined.conversion.message
        return
    for method, answer in examined.answers(examined.fresh).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = np.asarray(getattr(examined.model, method)(examined.fresh))
        assert answer.shape == expected.shape
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        else:
            assert answer.tolist() == expected.tolist()


@pytest.mark.parametrize("name", sorted(MUST_CONVERT))
def test_what_a_deployment_without_code_calls_is_in_the_graph(name: str, folder: Path) -> None:
    examined = Examined(name, folder)
    served = {"predict", "predict_proba"} & set(examined.signature.methods) or {"transform"}
    assert served <= {each.method for each in examined.conversion.parity}
    assert examined.conversion.probe_source == "LEARNED"
    assert examined.conversion.probe_count >= 100


def test_float32_would_have_answered_otherwise(folder: Path) -> None:
    """The probes of this forest can tell the two apart: its fresh inputs differ once they are rounded."""
    examined = Examined("forest_timestamps", folder)
    as_floats = examined.fresh.astype(np.float32)
    assert (examined.fresh[:, 0] != as_floats[:, 0]).any()
    assert examined.verified


@pytest.mark.parametrize(
    ("name", "methods", "types", "accepts_nan", "one_dimensional"),
    [
        ("svc", ("predict", "decision_function"), ["NUMBER"] * 4, False, False),
        ("svc_probability", ("predict", "predict_proba", "decision_function"), ["NUMBER"] * 4, False, False),
        (
            "columns",
            ("predict", "predict_proba", "decision_function"),
            ["NUMBER", "TEXT", "INTEGER", "BOOLEAN"],
            False,
            False,
        ),
        ("texts", ("predict", "predict_proba", "decision_function"), ["TEXT"], False, True),
        ("imputed", ("predict", "predict_proba", "decision_function"), ["NUMBER"] * 4, True, False),
        ("hist_regression", ("predict",), ["NUMBER"] * 10, True, False),
        ("scaler", ("transform",), ["NUMBER"] * 4, True, False),
        ("clusters", ("predict", "transform"), ["NUMBER"] * 4, False, False),
    ],
)
def test_a_signature_tells_what_the_model_takes_and_answers(
    name: str, methods: tuple[str, ...], types: list[str], accepts_nan: bool, one_dimensional: bool, folder: Path
) -> None:
    signature = Examined(name, folder).signature
    assert signature.methods == methods
    assert [column.type for column in signature.inputs] == types
    assert (signature.accepts_nan, signature.one_dimensional) == (accepts_nan, one_dimensional)


def test_names_and_classes_are_those_of_the_model(folder: Path) -> None:
    named = Examined("columns", folder).signature
    assert [column.name for column in named.inputs] == ["age in years", "city", "rooms", "owner"]
    assert Examined("svc", folder).signature.estimator == "sklearn.svm.SVC"
    assert Examined("forest", folder).signature.classes_json == ('"setosa"', '"versicolor"', '"virginica"')
    assert Examined("truths", folder).signature.classes_json == ("false", "true")


TRAIN = """
import os
import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
import beside

POWER = 2


class Squares(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return beside.same(np.asarray(X) ** POWER)


rng = np.random.RandomState(0)
X = rng.normal(size=(100, 3))
os.makedirs("outputs", exist_ok=True)
joblib.dump(make_pipeline(Squares(), LogisticRegression()).fit(X, X[:, 0] ** 2 > 1), "outputs/model.joblib")
open("trained.txt", "a").write("once ")
"""


def run_convert(folder: Path, request: dict[str, Any], **small: Any) -> subprocess.CompletedProcess[str]:
    files = {**program(), "request.json": json.dumps(request).encode()}
    place({**files, **{f"{name}.json": json.dumps(value).encode() for name, value in small.items()}}, folder)
    return subprocess.run([sys.executable, SCRIPT], cwd=folder, capture_output=True, text=True, check=False)


def test_a_class_of_the_training_script_is_found_and_the_script_not_run_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    place({"code/train.py": TRAIN.encode(), "code/beside.py": b"def same(X):\n    return X\n"}, source)
    subprocess.run([sys.executable, "code/train.py"], cwd=source, check=True)
    (tmp_path / "model").mkdir()
    (source / "outputs" / "model.joblib").rename(tmp_path / "model" / "model.joblib")
    done = run_convert(tmp_path, {"file": "model.joblib", "script": "code/train.py", "no_onnx": ""})
    assert done.returncode == 0, done.stderr
    signature, conversion = parse((tmp_path / "outputs" / "report.json").read_bytes())
    assert conversion.state is State.UNSUPPORTED
    assert "Squares" in conversion.message
    assert len(signature.inputs) == 3
    assert signature.methods == ("predict", "predict_proba", "decision_function")
    assert (source / "trained.txt").read_text() == "once "


def test_a_sample_gives_the_probes_and_the_types(tmp_path: Path) -> None:
    model, rows = fit("columns")
    (tmp_path / "model").mkdir()
    joblib.dump(model, tmp_path / "model" / "m.pkl")
    done = run_convert(tmp_path, {"file": "m.pkl"}, sample=json.loads(rows.head(5).to_json(orient="records")))
    assert done.returncode == 0, done.stderr
    _, conversion = parse((tmp_path / "outputs" / "report.json").read_bytes())
    assert (conversion.state, conversion.probe_source) == (State.VERIFIED, "SAMPLE")


def test_without_what_a_conversion_needs_the_model_is_inspected_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    joblib.dump(fit("svc")[0], tmp_path / "model" / "m.pkl")
    done = run_convert(tmp_path, {"file": "m.pkl", "no_onnx": "too old"}, sample=[[1.0, 2.0, 3.0, 4.0]])
    assert done.returncode == 0, done.stderr
    signature, conversion = parse((tmp_path / "outputs" / "report.json").read_bytes())
    assert (conversion.state, conversion.message) == (State.UNSUPPORTED, "too old")
    assert signature.estimator == "sklearn.svm.SVC"
    assert not (tmp_path / "outputs" / "model.onnx").exists()


def test_a_sample_of_another_width_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    joblib.dump(fit("svc")[0], tmp_path / "model" / "m.pkl")
    done = run_convert(tmp_path, {"file": "m.pkl"}, sample=[[1.0, 2.0]])
    assert done.returncode != 0
    assert "must have 4 columns" in done.stderr.splitlines()[-1]
