"""Read the files of a dataset as a table, with the environment's pandas: as `orris.sdk.frames` does where runs are
submitted.
"""

import os
import random

from ._exceptions import UserErrorException

_TYPES = {"int": "int64", "float": "float64", "bool": "bool"}


def read_frame(folder: str, table: dict):
    """Return the rows of all files of a folder, in the order of their paths, as a pandas.DataFrame."""
    try:
        import pandas
    except ImportError:
        raise UserErrorException("a table is read with pandas: add it to the environment of the run") from None
    frames = [_read(pandas, os.path.join(folder, path), path, table) for path in _paths(folder)]
    frame = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    for step in table.get("steps", ()):
        frame = _after(frame, step)
    return frame


def _paths(folder: str) -> list:
    found = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in found)


def _read(pandas, place: str, path: str, table: dict):
    frame = _READERS[table["format"]](pandas, place, table)
    for column, kind in table.get("column_types", {}).items():
        if column in frame.columns:
            frame[column] = _converted(pandas, frame[column], kind)
    if table.get("path_column"):
        frame.insert(0, table["path_column"], "/" + path)
    return frame


def _read_delimited(pandas, place: str, table: dict):
    types = table.get("column_types", {})
    frame = pandas.read_csv(
        place,
        sep=table.get("separator") or ",",
        header=None if table.get("no_header") else "infer",
        encoding=table.get("encoding") or "utf-8",
        dtype={column: str for column, kind in types.items() if kind == "string"},
    )
    if table.get("no_header"):
        frame.columns = ["Column%d" % number for number in range(1, len(frame.columns) + 1)]
    return frame


def _read_json_lines(pandas, place: str, table: dict):
    return pandas.read_json(place, lines=True, encoding=table.get("encoding") or "utf-8")


def _read_parquet(pandas, place: str, table: dict):
    try:
        return pandas.read_parquet(place)
    except ImportError:
        raise UserErrorException("Parquet is read with pyarrow: add it to the environment of the run") from None


_READERS = {
    "FORMAT_DELIMITED": _read_delimited,
    "FORMAT_JSON_LINES": _read_json_lines,
    "FORMAT_PARQUET": _read_parquet,
}


def _converted(pandas, column, kind: str):
    if kind == "datetime":
        return pandas.to_datetime(column)
    return column if kind == "string" and column.dtype == object else column.astype(_TYPES.get(kind, str))


def _after(frame, step: dict):
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
        raise UserErrorException("the table has no column %r; it has %s" % (unknown[0], has))
    return frame[names] if kept else frame.drop(columns=names)
