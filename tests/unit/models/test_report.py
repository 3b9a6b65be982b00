"""A report is written beside user code: whatever it holds, it is either understood or refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris_models.model import State
from orris_models.report import BadReport, parse

GOOD: dict[str, Any] = {
    "signature": {
        "estimator": "sklearn.svm.SVC",
        "framework_version": "1.5.2",
        "inputs": [{"name": "", "type": "NUMBER"}],
        "methods": ["predict"],
        "accepts_nan": False,
        "one_dimensional": False,
        "classes_json": ["0", '"a"'],
    },
    "verdict": "VERIFIED",
    "message": "equal",
    "probe_source": "LEARNED",
    "probe_count": 300,
    "parity": [{"method": "predict", "compared": 300, "different": 0, "max_absolute_difference": 0.0}],
}


def changed(path: str, value: Any) -> bytes:
    report = json.loads(json.dumps(GOOD))
    target: Any = report
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        target = target[part]
    target[last] = value
    return json.dumps(report).encode()


def test_a_report_of_the_program_is_understood() -> None:
    signature, conversion = parse(json.dumps(GOOD).encode())
    assert signature.estimator == "sklearn.svm.SVC"
    assert signature.classes_json == ("0", '"a"')
    assert signature.framework_version == "1.5.2"
    assert (conversion.state, conversion.probe_count) == (State.VERIFIED, 300)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("verdict", "RUNNING"),
        ("verdict", ["VERIFIED"]),
        ("message", "x" * 5000),
        ("message", "\ud800"),
        ("probe_source", "MADE_UP"),
        ("probe_count", -1),
        ("probe_count", True),
        ("probe_count", 1 << 70),
        ("signature", None),
        ("signature.inputs", {"name": "x"}),
        ("signature.inputs.0.type", "COMPLEX"),
        ("signature.methods", ["predict", "predict"]),
        ("signature.methods", ["__class__"]),
        ("signature.methods", [["predict"]]),
        ("signature.accepts_nan", 1),
        ("signature.classes_json", ["{not json"]),
        ("signature.classes_json", ["NaN"]),
        ("parity", []),
        ("parity.0.different", 1),
        ("parity.0.max_absolute_difference", "0"),
        ("parity.0.max_absolute_difference", -1.0),
        ("parity.0.max_absolute_difference", 10**400),
    ],
)
def test_what_the_program_never_writes_is_refused(path: str, value: Any) -> None:
    with pytest.raises(BadReport):
        parse(changed(path, value))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"verdict": NaN}', b" " * ((1 << 20) + 1)])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(BadReport):
        parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["verdict", "parity", "signature", "signature.inputs.0", "parity.0.compared"]), JSON)
def test_nothing_else_than_a_refusal_is_raised(path: str, value: Any) -> None:
    with contextlib.suppress(BadReport):
        parse(changed(path, value))
