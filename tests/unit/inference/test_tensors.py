"""Tensors are what their type, shape and bytes say, or they are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from orris.errors import InvalidArgument
from orris_inference.backends.columns import feeds_of, rows_of
from orris_inference.signature import Column, ColumnType, Signature
from orris_inference.tensors import TensorSpec, fit, from_raw, to_raw


def test_texts_survive_their_raw_form() -> None:
    array = from_raw(b"\x01\0\0\0a\x02\0\0\0\xc3\xa4", "BYTES", [2, 1], "t")
    assert array.tolist() == [["a"], ["ä"]]
    assert to_raw(array) == b"\x01\0\0\0a\x02\0\0\0\xc3\xa4"


@pytest.mark.parametrize(
    ("raw", "datatype", "shape", "told"),
    [
        (b"\0" * 7, "FP64", [1, 1], "X: 7 bytes"),
        (b"\0" * 8, "FP64", [-1], "at least 1"),
        (b"", "FP64", [0], "at least 1"),
        (b"\0" * 8, "FP64", [2**62, 2**62], "X: 8 bytes"),
        (b"\xff\xff\xff\xffa", "BYTES", [1], "length"),
        (b"\x01\0\0\0\xff", "BYTES", [1], "UTF-8"),
        (b"", "FP128", [1], "FP128"),
    ],
)
def test_what_does_not_fit_is_refused(raw: bytes, datatype: str, shape: list[int], told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        from_raw(raw, datatype, shape, "X")


def test_numbers_are_converted_where_only_precision_is_lost() -> None:
    spec = TensorSpec("X", "FP64", (-1, 2))
    assert fit(np.array([[1, 2]], "<i4"), spec, "X").dtype == np.float64
    whole = TensorSpec("n", "INT64", (-1,))
    assert fit(np.array([2.0]), whole, "n").tolist() == [2]
    with pytest.raises(InvalidArgument, match="FP64"):
        fit(np.array([2.5]), whole, "n")


def test_columns_and_one_table_are_the_same() -> None:
    signature = Signature(("predict",), (Column("a", ColumnType.NUMBER), Column("b", ColumnType.NUMBER)))
    columns = {"b": np.array([[2.0]]), "a": np.array([[1.0]])}
    table = (TensorSpec("X", "FP64", (-1, 2)),)
    assert feeds_of(columns, table, signature)["X"].tolist() == [[1.0, 2.0]]
    assert rows_of(columns, signature) == ([[1.0, 2.0]], ["a", "b"])
    each = (TensorSpec("a", "FP64", (-1, 1)), TensorSpec("b", "FP64", (-1, 1)))
    assert feeds_of({"X": np.array([[1.0, 2.0]])}, each, signature)["b"].tolist() == [[2.0]]
    with pytest.raises(InvalidArgument, match="model takes a, b"):
        feeds_of({"c": np.array([[1.0]])}, each, signature)
