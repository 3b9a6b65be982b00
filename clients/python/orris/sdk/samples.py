"""Sample inputs as JSON: lists, numpy arrays and DataFrames, told by what they can do; neither library is imported."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from orris.errors import InvalidArgument

# The contract's limit for a sample. More rows than fit are left out: a sample is a sample.
MOST_BYTES = 1024 * 1024


def sample_json(sample: Any) -> str:
    """Return the rows as a JSON list, cut to 1 MiB; empty for None.

    A DataFrame gives objects by column name, anything else gives rows as they are. Raises InvalidArgument when it is
    none of these, or a single row is too large.
    """
    if sample is None:
        return ""
    rows = to_rows(sample)
    if not isinstance(rows, list) or not rows:
        raise InvalidArgument("sample_input: give rows: a list, a numpy array or a DataFrame", field="sample_input")
    while len(text := json.dumps(rows)) > MOST_BYTES:
        if len(rows) == 1:
            raise InvalidArgument(f"sample_input: one row is over {MOST_BYTES:,} bytes", field="sample_input")
        rows = rows[: max(1, len(rows) * MOST_BYTES // (len(text) + 1))] if len(rows) > 2 else rows[:1]
    return text


def to_rows(data: Any) -> Any:
    """Return data as JSON's own types: NaN and the like become None, numpy's numbers Python's, times ISO texts."""
    # An Azure dataset, a DataFrame, an array: each can turn itself into the next.
    if hasattr(data, "to_pandas_dataframe"):
        data = (data.take(100) if hasattr(data, "take") else data).to_pandas_dataframe()
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        data = data.to_dict(orient="records")
    if hasattr(data, "toarray"):
        data = data.toarray()
    if hasattr(data, "tolist"):
        data = data.tolist()
    return _plain(data)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    # NaT calls itself a time but has none; only a missing value differs from itself.
    if value != value:
        return None
    for convert in ("tolist", "isoformat"):
        if hasattr(value, convert):
            return _plain(getattr(value, convert)())
    raise InvalidArgument(f"a value of type {type(value).__name__} has no form in JSON", field="sample_input")
