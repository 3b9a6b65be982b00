"""What the ONNX backend refuses, so that no wrong answer is given without a word."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from orris.errors import FailedPrecondition, InvalidArgument
from orris_inference.backends.onnx import OnnxBackend
from orris_inference.signature import Column, ColumnType, Signature

SIGNATURE = Signature(
    ("predict",), (Column("age", ColumnType.NUMBER), Column("rooms", ColumnType.INTEGER)), accepts_nan=False
)


def graph(**external: str) -> bytes:
    """A model that answers with its input; with `external`, one whose weights are said to be in another file."""
    shape: list[str | int | None] = ["N", 2]
    weights = helper.make_tensor("W", TensorProto.DOUBLE, [2], [0.0, 0.0])
    for key, value in external.items():
        weights.ClearField("double_data")
        weights.data_location = TensorProto.EXTERNAL
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    body = helper.make_graph(
        [helper.make_node("Add", ["X", "W"], ["predict"])],
        "g",
        [helper.make_tensor_value_info("X", TensorProto.DOUBLE, shape)],
        [helper.make_tensor_value_info("predict", TensorProto.DOUBLE, shape)],
        [weights],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture(scope="module")
def backend() -> OnnxBackend:
    return OnnxBackend.load(graph(), SIGNATURE, threads=1)


async def infer(backend: OnnxBackend, rows: list[list[float]]) -> list[list[float]]:
    _, values = await backend.infer({"X": np.array(rows, dtype="<f8")}, ["predict"])
    answer: list[list[float]] = values[0].tolist()
    return answer


async def test_what_fits_is_answered(backend: OnnxBackend) -> None:
    assert await infer(backend, [[0.5, 2], [1.5, 3.0]]) == [[0.5, 2.0], [1.5, 3.0]]


async def test_a_fraction_where_all_were_whole_numbers_is_refused_by_row_and_column(backend: OnnxBackend) -> None:
    with pytest.raises(InvalidArgument, match="row 1, column 1: must be a whole number"):
        await infer(backend, [[0.5, 2], [0.5, 2.5]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
async def test_a_missing_value_is_refused_where_the_model_takes_none(backend: OnnxBackend, value: float) -> None:
    with pytest.raises(InvalidArgument, match="row 0, column 0"):
        await infer(backend, [[value, 2]])


async def test_an_output_that_is_not_there_is_named(backend: OnnxBackend) -> None:
    with pytest.raises(InvalidArgument, match="transform; the model has predict"):
        await backend.infer({"X": np.zeros((1, 2))}, ["transform"])


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/hostname"])
def test_a_graph_that_names_a_file_is_refused(location: str) -> None:
    with pytest.raises(FailedPrecondition, match="cannot load"):
        OnnxBackend.load(graph(location=location), SIGNATURE, threads=1)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="cannot load"):
        OnnxBackend.load(b"not a graph", SIGNATURE, threads=1)
