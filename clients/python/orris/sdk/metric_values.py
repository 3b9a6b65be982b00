"""Values of metrics: what can be one, and its message. A submitted run takes the same (orris_agent/inside)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2

Scalar = float | int | bool | str | None

INT64 = range(-(2**63), 2**63)
LONGEST_NAME = 255


def scalar(value: Any, use_instead: str = "log_list") -> Scalar:
    """Return a value as None, bool, int, float or str: scalars of numpy and pandas by their `item()`.

    What is no number is taken as text. Raises InvalidArgument for collections; it names `use_instead`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return int(value) if value in INT64 else float(value)
    if isinstance(value, float):
        return float(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        item = value.item()
        return _number(item) if type(item) is type(value) else scalar(item, use_instead)
    if isinstance(value, bytes | bytearray):
        return text(value.decode("utf-8", "replace"))
    if hasattr(value, "__iter__") or hasattr(value, "__next__"):
        message = f"value: a {type(value).__name__} is not a single value: use {use_instead} for collections"
        raise InvalidArgument(message, field="value")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return _number(value)


def message(value: Scalar) -> runs_pb2.MetricValue:
    """Return the message of a value."""
    if value is None:
        return runs_pb2.MetricValue()
    if isinstance(value, bool):
        return runs_pb2.MetricValue(boolean=value)
    if isinstance(value, int):
        return runs_pb2.MetricValue(integer=value)
    if isinstance(value, float):
        return runs_pb2.MetricValue(number=value)
    return runs_pb2.MetricValue(text=value)


def checked_name(value: object, what: str = "name") -> str:
    """Return the name of a metric or column. Raises InvalidArgument when it is empty or over 255 characters."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        raise InvalidArgument(f"{what}: text of 1 to {LONGEST_NAME} characters, not {value!r:.60}", field=what)
    return text(value)


def checked_step(value: Any) -> int | None:
    """Return a step as a whole number. Raises InvalidArgument when it is none."""
    if value is None:
        return None
    number: Any = scalar(value)
    whole = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    if not whole or int(number) != number or int(number) not in INT64:
        raise InvalidArgument(f"step: a whole number of 64 bits, not {value!r:.60}", field="step")
    return int(number)


def rows(columns: Any) -> list[dict[str, Scalar]]:
    """Turn columns (name -> values, or one value) into rows; what is missing is None."""
    if not isinstance(columns, Mapping):
        raise InvalidArgument(f"value: a dict of columns, not a {type(columns).__name__}", field="value")
    lists = {checked_name(name, "column"): _column(values) for name, values in columns.items()}
    length = max(map(len, lists.values()), default=0)
    return [
        {name: values[index] if index < len(values) else None for name, values in lists.items()}
        for index in range(length)
    ]


def items(values: Any) -> list[Scalar]:
    """Return the items of any iterable but text."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidArgument(f"value: a list of values, not a {type(values).__name__}: use log", field="value")
    return [scalar(item, "log_table") for item in values]


def text(value: str) -> str:
    """Return a plain str that UTF-8 can carry."""
    return str.__str__(value).encode("utf-8", "replace").decode("utf-8")


def _column(values: Any) -> list[Scalar]:
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__") or getattr(values, "shape", None) == ():
        return [scalar(values)]
    return [scalar(value, "one column for each dimension") for value in values]


def _number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return text(str(value))
