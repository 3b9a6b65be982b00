"""Values of metrics: what can be a metric's value, and how it is written as JSON."""

import math

from ._exceptions import UserErrorException

INT64 = range(-(2**63), 2**63)
LONGEST_NAME = 255


def scalar(value, use_instead="log_list"):
    """Return `value` as None, bool, int, float or str.

    Scalars of numpy, pandas and torch are taken by their `item()`, 0-d arrays too; anything else that is not a
    collection is taken as a number if it is one, else as text. Raises UserErrorException for collections; it names
    `use_instead`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        whole = int(value)
        return whole if whole in INT64 else _number(whole)
    if isinstance(value, float):
        return float(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        item = value.item()
        return _number(item) if type(item) is type(value) else scalar(item, use_instead)
    if isinstance(value, (bytes, bytearray)):
        return text(value.decode("utf-8", "replace"))
    if hasattr(value, "__iter__") or hasattr(value, "__next__"):
        raise UserErrorException(
            "a %s is not a single value: use %s for collections" % (type(value).__name__, use_instead)
        )
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return _number(value)


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return text(str(value))


def text(value) -> str:
    """Return a plain str that UTF-8 can carry."""
    return str.__str__(value).encode("utf-8", "replace").decode("utf-8")


def name(value, what="the name of a metric"):
    """Return a name as text. Raises UserErrorException when it is empty or longer than 255 characters."""
    if value is None or isinstance(value, (bytes, list, tuple, dict)) or not str(value):
        raise UserErrorException("%s must be text, not %r" % (what, value))
    if len(str(value)) > LONGEST_NAME:
        raise UserErrorException("%s must have at most %d characters: %.60s..." % (what, LONGEST_NAME, value))
    return text(str(value))


def step(value):
    """Return a step as int, or None."""
    if value is None:
        return None
    number = scalar(value)
    if (
        isinstance(number, bool)
        or not isinstance(number, (int, float))
        or not math.isfinite(number)
        or number != int(number)
    ):
        raise UserErrorException("step must be a whole number, not %r" % (value,))
    if int(number) not in INT64:
        raise UserErrorException("step must fit 64 bits, not %r" % (value,))
    return int(number)


def rows(columns) -> list:
    """Turn columns (name -> list of values, or one value) into rows (name -> value); what is missing is None."""
    if not hasattr(columns, "items"):
        raise UserErrorException("a table must be a dict of columns, not a %s" % type(columns).__name__)
    lists = {name(column, "the name of a column"): _column(values) for column, values in columns.items()}
    length = max([len(values) for values in lists.values()] or [0])
    return [
        {column: values[index] if index < len(values) else None for column, values in lists.items()}
        for index in range(length)
    ]


def _column(values) -> list:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__") or getattr(values, "shape", None) == ():
        return [scalar(values)]
    return [scalar(value, "one column for each dimension") for value in values]


def plain(value):
    """Return what `json` should write for an object that it does not know: arrays as lists, scalars as scalars."""
    if hasattr(value, "to_numpy"):
        return value.to_numpy().tolist()
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__iter__"):
        return list(value)
    return scalar(value)
