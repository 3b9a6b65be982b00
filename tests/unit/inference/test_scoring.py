"""Azure's request format is read strictly, and what is wrong is named by row and column."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris_inference.scoring import encode, parse
from orris_inference.signature import Column, ColumnType, Signature, default_first

PLAIN = Signature(("predict",), (Column("", ColumnType.NUMBER),) * 2, accepts_nan=False)
NAMED = Signature(
    ("predict_proba", "predict"), (Column("age", ColumnType.NUMBER), Column("city", ColumnType.TEXT)), accepts_nan=True
)
WHOLE = Signature(("predict",), (Column("rooms", ColumnType.INTEGER),))
TEXTS = Signature(("predict",), (Column("", ColumnType.TEXT),), one_dimensional=True)


def read(signature: Signature, data: Any, **more: Any) -> Any:
    return parse(json.dumps({"data": data, **more}).encode(), signature)


def test_probabilities_are_the_default_where_the_model_has_them() -> None:
    assert default_first(["transform", "predict", "predict_proba"])[0] == "predict_proba"
    assert default_first(["transform", "predict"])[0] == "predict"
    assert default_first(["transform"]) == ("transform",)


@pytest.mark.parametrize(
    "data",
    [
        [[3, "Bern"]],
        [{"city": "Bern", "age": 3}],
        {"city": "Bern", "age": 3},
        {"city": ["Bern"], "age": [3]},
    ],
)
def test_all_forms_give_rows_in_the_order_of_the_columns(data: Any) -> None:
    call = read(NAMED, data, method="predict")
    assert (call.method, call.data, call.columns) == ("predict", [[3, "Bern"]], ["age", "city"])


def test_documents_are_a_list_of_texts() -> None:
    assert read(TEXTS, ["a", "b"]).data == ["a", "b"]
    with pytest.raises(InvalidArgument, match="row 1"):
        read(TEXTS, ["a", 1])


@pytest.mark.parametrize(
    ("signature", "data", "told"),
    [
        (PLAIN, [[1, 2], [1]], "row 1: has 1 values, the model takes 2"),
        (PLAIN, [1, 2], r"row 0: must be a list.*\[\[...\]\]"),
        (PLAIN, [[1, "x"]], "row 0, column 1: must be a number, not the text 'x'"),
        (PLAIN, [[1, [2]]], "column 1: must be a single value, not a list"),
        (PLAIN, [[1, float("nan")]], "missing"),
        (WHOLE, [[2.5]], r"column 0 \(rooms\): must be a whole number"),
        (PLAIN, [{"a": 1, "b": 2}], "without column names"),
        (NAMED, [[1, 2]], r"column 1 \(city\): must be text"),
        (NAMED, [{"age": 1}], "lacks 'city'"),
        (NAMED, [{"age": 1, "city": "x", "zip": 2}], "has 'zip'"),
        (NAMED, {"age": [1], "city": []}, "same length"),
    ],
)
def test_what_is_wrong_is_named(signature: Signature, data: Any, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        read(signature, data)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert read(WHOLE, [[2.0], [3]]).data == [[2.0], [3]]


def test_missing_values_are_taken_where_the_model_takes_them() -> None:
    assert read(NAMED, [[None, "x"]]).data == [[None, "x"]]


def test_what_json_does_not_know_is_null() -> None:
    assert encode([[float("nan"), 1.5], [float("inf")]]) == b"[[null,1.5],[null]]"
