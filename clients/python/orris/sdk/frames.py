"""Read the files of a dataset as a table, with pandas: as `orris_agent/inside/orris/_frames.py` does inside a run.

`table` is a definition as an object of JSON (`orris.tables.fields_of`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from orris.errors import FailedPrecondition, InvalidArgument

_TYPES = {"int": "int64", "float": "float64", "bool": "bool"}


def read_frame(folder: str | os.PathLike[str], table: Mapping[str, Any]) -> Any:
    """Return the rows of all files of a folder, in the order of their paths, as a pandas.DataFrame.

    Raises FailedPrecondition where pandas, or what it reads Parquet with, is not installed, InvalidArgument for columns
    that are not there.
    """
    try:
        import pandas
    except ImportError as error:
        raise FailedPrecondition("a table is read with pandas: install it here", reason="NO_PANDAS") from error
    frames = [_read(pandas, os.path.join(folder, path), path, table) for path in _paths(folder)]
    frame = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    for step in table.get("steps", ()):
        frame = _after(frame, step)
    return frame


def _paths(folder: str | os.PathLike[str]) -> list[str]:
    found = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in found)


def _read(pandas: Any, place: str, path: str, table: Mapping[str, Any]) -> Any:
    types = table.get("column_types", {})
    frame = _READERS[table["format"]](pandas, place, table)
    for column, kind in types.items():
        if column in frame.columns:
            frame[column] = _converted(pandas, frame[column], kind)
    if table.get("path_column"):
        frame.insert(0, table["path_column"], f"/{path}")
    return frame


def _read_delimited(pandas: Any, place: str, table: Mapping[str, Any]) -> Any:
    types = table.get("column_types", {})
    texts = {column: str for column, kind in types.items() if kind == "string"}
    frame = pandas.read_csv(
        place,
        sep=table.get("separator") or ",",
        header=None if table.get("no_header") else "infer",
        encoding=table.get("encoding") or "utf-8",
        dtype=texts,
    )
    if table.get("no_header"):
        frame.columns = [f"Column{number}" for number in range(1, len(frame.columns) + 1)]
    return frame


def _read_json_lines(pandas: Any, place: str, table: Mapping[str, Any]) -> Any:
    return pandas.read_json(place, lines=True, encoding=table.get("encoding") or "utf-8")


def _read_parquet(pandas: Any, place: str, table: Mapping[str, Any]) -> Any:
    try:
        return pandas.read_parquet(place)
    except ImportError as error:
        raise FailedPrecondition("Parquet is read with pyarrow: install it here", reason="NO_PARQUET") from error


_READERS: dict[str, Callable[[Any, str, Mapping[str, Any]], Any]] = {
    "FORMAT_DELIMITED": _read_delimited,
    "FORMAT_JSON_LINES": _read_json_lines,
    "FORMAT_PARQUET": _read_parquet,
}


def _converted(pandas: Any, column: Any, kind: str) -> Any:
    if kind == "datetime":
        return pandas.to_datetime(column)
    return column if kind == "string" and column.dtype == object else column.astype(_TYPES.get(kind, str))


def _after(frame: Any, step: Mapping[str, Any]) -> Any:
    if "take" in step:
        return frame.iloc[: step["take"]].reset_index(drop=True)
    if "skip" in step:
        return frame.iloc[step["skip"] :].reset_index(drop=True)
    if "sample" in step:
        sample = step["sample"]
        chance = random.Random(sample["seed"])
        taken = [sample["low"] <= chance.random() < sample["high"] for _ in range(len(frame))]
        return frame[taken].reset_index(drop=True)
    kept = "keep_columns" in step
    names = (step["keep_columns"] if kept else step["drop_columns"]).get("names", [])
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        has = ", ".join(map(str, frame.columns))
        raise InvalidArgument(f"the table has no column {unknown[0]!r}; it has {has}", field="columns")
    return frame[names] if kept else frame.drop(columns=names)
