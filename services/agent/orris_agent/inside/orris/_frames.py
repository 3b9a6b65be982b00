"""Read the files of a dataset as a table, with the environment's pandas: as `orris.sdk.frames` does where runs are
submitted.
"""

import io
import itertools
import os
import random

from . import _column_values, _row_conditions
from ._exceptions import UserErrorException


def read_frame(folder: str, table: dict, strict=False):
    """Return the rows of all files of a folder, in the order of their paths, as a pandas.DataFrame.

    Where only the first ones are taken, what comes later is not read, and says nothing of columns and their types.
    Values that are not of their column's type are missing; `strict`: are refused.
    """
    try:
        import pandas
    except ImportError:
        raise UserErrorException("a table is read with pandas: add it to the environment of the run") from None
    steps = table.get("steps", ())
    frames, missing = [], _rows_wanted(steps)
    for path in _paths(folder):
        frames.append(_read(pandas, os.path.join(folder, path), path, table, strict, missing))
        if missing is not None:
            missing -= min(missing, len(frames[-1]))
            if not missing:
                break
    frame = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
    for step in steps:
        frame = _after(pandas, frame, step)
    return frame


def _rows_wanted(steps):
    """Return how many of the first rows say all that the steps want to know; None for all."""
    wanted, skipped = None, 0
    for step in steps:
        if "sample" in step or "filter" in step:
            break
        skipped += step.get("skip", 0)
        if "take" in step:
            last = skipped + step["take"]
            wanted = last if wanted is None else min(wanted, last)
    return wanted


def _paths(folder: str) -> list:
    found = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in found)


def _read(pandas, place: str, path: str, table: dict, strict: bool, rows):
    frame = _READERS[table["format"]](pandas, place, table, rows)
    for column, kind in table.get("column_types", {}).items():
        if column in frame.columns:
            formats = table.get("time_formats", {}).get(column, {}).get("formats", [])
            frame[column] = _column_values.converted(pandas, frame[column], kind, formats, strict)
    for name, value in reversed(_column_values.of_path(pandas, table.get("partition"), path)):
        if name in frame.columns:
            raise UserErrorException("partition_format: %s has a column %r itself" % (path, name))
        frame.insert(0, name, value)
    if table.get("path_column"):
        frame.insert(0, table["path_column"], "/" + path)
    return frame


def _read_delimited(pandas, place: str, table: dict, rows):
    options = {"sep": table.get("separator") or ",", "encoding": table.get("encoding") or "utf-8"}
    first = pandas.read_csv(place, nrows=1, header=None, dtype=str, **options)
    if table.get("no_header"):
        names = ["Column%d" % number for number in range(1, len(first.columns) + 1)]
        options.update(header=None, names=names)
    else:
        names = [str(name) for name in first.iloc[0]]
    types = table.get("column_types", {})
    texts = {name: str for name in names if types.get(name, "string" if table.get("all_text") else "") == "string"}
    frame = pandas.read_csv(place, dtype=texts, nrows=rows, **options)
    return _column_values.without_gaps(frame) if table.get("empty_is_text") else frame


def _read_json_lines(pandas, place: str, table: dict, rows):
    encoding = table.get("encoding") or "utf-8"
    if not table.get("skip_invalid_lines"):
        return pandas.read_json(_first_lines(place, encoding, rows), lines=True, encoding=encoding)
    return pandas.DataFrame(list(itertools.islice(_column_values.objects_in(place, encoding), rows)))


def _first_lines(place: str, encoding: str, rows):
    """Return a file, or so many lines of it: pandas before 1.1 takes no number."""
    if rows is None:
        return place
    with open(place, encoding=encoding) as lines:
        return io.StringIO("".join(itertools.islice(filter(str.strip, lines), rows)))


def _read_parquet(pandas, place: str, table: dict, rows):
    try:
        return pandas.read_parquet(place)
    except ImportError:
        raise UserErrorException("Parquet is read with pyarrow: add it to the environment of the run") from None


# Each is given how many rows are wanted, and may return more; None for all.
_READERS = {
    "FORMAT_DELIMITED": _read_delimited,
    "FORMAT_JSON_LINES": _read_json_lines,
    "FORMAT_PARQUET": _read_parquet,
}


def _after(pandas, frame, step: dict):
    if "take" in step:
        return frame.iloc[: step["take"]].reset_index(drop=True)
    if "skip" in step:
        return frame.iloc[step["skip"] :].reset_index(drop=True)
    if "sample" in step:
        sample = step["sample"]
        chance = random.Random(sample["seed"])
        taken = [sample["low"] <= chance.random() < sample["high"] for _ in range(len(frame))]
        return frame[taken].reset_index(drop=True)
    if "filter" in step:
        return frame[_row_conditions.holds(pandas, frame, step["filter"])].reset_index(drop=True)
    kept = "keep_columns" in step
    names = (step["keep_columns"] if kept else step["drop_columns"]).get("names", [])
    for name in names:
        _row_conditions.column(frame, name)
    return frame[names] if kept else frame.drop(columns=names)
