"""Values of a table's columns: of the types that they are said to have, and those that paths say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orris.errors import InvalidArgument

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def converted(pandas: Any, column: Any, kind: str, formats: Sequence[str], strict: bool) -> Any:
    """Return a column with values of a type; what is no such value is missing. Raises InvalidArgument if `strict`."""
    if kind == "string":
        return column.where(column.isna(), column.astype(str))
    found = _CONVERTERS[kind](pandas, column, formats)
    wrong = column[found.isna() & column.notna()]
    if strict and len(wrong):
        message = f"column_types: {wrong.iloc[0]!r} in the column {column.name!r} is no {kind}"
        raise InvalidArgument(message, field="column_types")
    return found


def without_gaps(frame: Any) -> Any:
    """Return a frame in which text that is missing is empty text."""
    for name in frame.columns:
        if frame[name].dtype.kind not in "biufcmM":
            frame[name] = frame[name].fillna("")
    return frame


def of_path(pandas: Any, partition: Mapping[str, Any] | None, path: str) -> list[tuple[str, Any]]:
    """Return what the path of a file says: names of columns, and their value. Raises InvalidArgument."""
    try:
        return [
            (name, text if time is None else pandas.to_datetime(text, format=time))
            for name, time, text in (matched(partition, path) if partition else ())
        ]
    except ValueError as error:
        raise InvalidArgument(f"partition_format: /{path}: {error}", field="partition_format") from error


def matched(partition: Mapping[str, Any], path: str) -> list[tuple[str, str | None, str]]:
    """Return of each column of a path its name, how its moments are written, and its text. Raises InvalidArgument."""
    found = re.search(partition["expression"], f"/{path}")
    if found is None:
        message = (
            f"partition_format: the path /{path} does not end like that; name the folder that all of the format is "
            "below, or correct it"
        )
        raise InvalidArgument(message, field="partition_format")
    return [(name, time, text) for (name, time), text in zip(partition["columns"], found.groups(), strict=True)]


def objects_in(place: str, encoding: str) -> Iterator[dict[str, Any]]:
    """Give the objects of a file with one of JSON a line; lines that are none are passed over."""
    with open(place, encoding=encoding, errors="replace") as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _numbers(pandas: Any, column: Any, formats: Sequence[str]) -> Any:
    return pandas.to_numeric(column, errors="coerce").astype("float64")


def _whole_numbers(pandas: Any, column: Any, formats: Sequence[str]) -> Any:
    found = pandas.to_numeric(column, errors="coerce")
    whole = found if found.dtype.kind in "iu" else found.where(found % 1 == 0)
    return whole if whole.isna().any() else whole.astype("int64")


def _truths(pandas: Any, column: Any, formats: Sequence[str]) -> Any:
    if column.dtype.kind in "biuf":
        return column.astype("bool") if column.notna().all() else (column != 0).where(column.notna())
    found = column.astype(str).str.strip().str.lower().map(_TRUTH)
    return found.astype("bool") if found.notna().all() else found


def _moments(pandas: Any, column: Any, formats: Sequence[str]) -> Any:
    if not formats:
        return pandas.to_datetime(column, errors="coerce")
    found = pandas.to_datetime(column, format=formats[0], errors="coerce")
    for each in formats[1:]:
        found = found.fillna(pandas.to_datetime(column, format=each, errors="coerce"))
    return found


_CONVERTERS = {"int": _whole_numbers, "float": _numbers, "bool": _truths, "datetime": _moments}
