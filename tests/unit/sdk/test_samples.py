"""Samples: what scikit-learn users hold in their hands becomes JSON, without importing their libraries."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris.sdk.samples import MOST_BYTES, sample_json
from orris.sdk.scoring import encode

np = pytest.importorskip("numpy")


class Frame:
    """Looks like a DataFrame as far as it matters."""

    columns = ("a", "b")

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [{"a": np.int64(1), "b": "x"}, {"a": math.nan, "b": None}]


def parsed(sample: Any) -> Any:
    return json.loads(sample_json(sample))


def test_arrays_and_lists_are_rows() -> None:
    assert parsed(np.array([[1.5, 2], [3, 4]])) == [[1.5, 2], [3, 4]]
    assert parsed([(1, np.float32(0.5))]) == [[1, 0.5]]


def test_a_data_frame_is_objects_and_missing_values_are_null() -> None:
    assert parsed(Frame()) == [{"a": 1, "b": "x"}, {"a": None, "b": None}]


def test_a_dataset_is_its_first_rows() -> None:
    class Dataset:
        def take(self, count: int) -> Dataset:
            assert count == 100
            return self

        def to_pandas_dataframe(self) -> Frame:
            return Frame()

    assert len(parsed(Dataset())) == 2


def test_times_are_iso_texts() -> None:
    assert parsed([[datetime(2026, 1, 2, tzinfo=UTC)]]) == [["2026-01-02T00:00:00+00:00"]]


def test_a_large_sample_is_cut_to_whole_rows() -> None:
    text = sample_json([["x" * 1000]] * 5000)
    assert len(text) <= MOST_BYTES
    assert len(json.loads(text)) > 900


@pytest.mark.parametrize("sample", ["text", 3, [], [["x" * MOST_BYTES]], [[object()]]])
def test_what_is_no_rows_is_refused(sample: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"sample_input|JSON"):
        sample_json(sample)


def test_none_is_no_sample() -> None:
    assert sample_json(None) == ""


def test_a_request_may_hold_arrays() -> None:
    assert json.loads(encode({"data": np.array([[1, 2]]), "method": "predict"})) == {
        "data": [[1, 2]],
        "method": "predict",
    }
    assert json.loads(encode([[1]])) == {"data": [[1]]}
