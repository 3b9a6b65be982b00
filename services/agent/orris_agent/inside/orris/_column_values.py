"""Values of a table's columns: as `orris.sdk.column_values` has them where runs are submitted."""

import json
import re

from ._exceptions import UserErrorException

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def converted(pandas, column, kind: str, formats: list, strict: bool):
    """Return a column with values of a type; what is no such value is missing, and refused if `strict`."""
    if kind == "string":
        return column.where(column.isna(), column.astype(str))
    found = _CONVERTERS[kind](pandas, column, formats)
    wrong = column[found.isna() & column.notna()]
    if strict and len(wrong):
        raise UserErrorException("%r in the column %r is no %s" % (wrong.iloc[0], column.name, kind))
    return found


def without_gaps(frame):
    """Return a frame in which text that is missing is empty text."""
    for name in frame.columns:
        if frame[name].dtype.kind not in "biufcmM":
            frame[name] = frame[name].fillna("")
    return frame


def of_path(pandas, partition, path: str) -> list:
    """Return what the path of a file says: names of columns, and their value. Raises UserErrorException."""
    if not partition:
        return []
    found = re.search(partition["expression"], "/" + path)
    if found is None:
        raise UserErrorException("partition_format: the path /%s does not end like that" % path)
    try:
        return [
            (name, text if time is None else pandas.to_datetime(text, format=time))
            for (name, time), text in zip(partition["columns"], found.groups())
        ]
    except ValueError as error:
        raise UserErrorException("partition_format: /%s: %s" % (path, error)) from error


def objects_in(place: str, encoding: str):
    """Give the objects of a file with one of JSON a line; lines that are none are passed over."""
    with open(place, encoding=encoding, errors="replace") as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _numbers(pandas, column, formats: list):
    return pandas.to_numeric(column, errors="coerce").astype("float64")


def _whole_numbers(pandas, column, formats: list):
    found = pandas.to_numeric(column, errors="coerce")
    whole = found if found.dtype.kind in "iu" else found.where(found % 1 == 0)
    return whole if whole.isna().any() else whole.astype("int64")


def _truths(pandas, column, formats: list):
    if column.dtype.kind in "biuf":
        return column.astype("bool") if column.notna().all() else (column != 0).where(column.notna())
    found = column.astype(str).str.strip().str.lower().map(_TRUTH)
    return found.astype("bool") if found.notna().all() else found


def _moments(pandas, column, formats: list):
    if not formats:
        return pandas.to_datetime(column, errors="coerce")
    found = pandas.to_datetime(column, format=formats[0], errors="coerce")
    for each in formats[1:]:
        found = found.fillna(pandas.to_datetime(column, format=each, errors="coerce"))
    return found


_CONVERTERS = {"int": _whole_numbers, "float": _numbers, "bool": _truths, "datetime": _moments}
