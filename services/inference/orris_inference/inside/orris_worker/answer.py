"""Turns what an estimator returns into JSON."""

import json


def encode(result):
    """Return the body of an answer: `result` as (nested) lists and `dtype`, the name of its type or a list of names."""
    values, kind = _plain(result)
    return json.dumps({"result": values, "dtype": kind}, default=_scalar).encode("utf-8")


def _plain(result):
    if isinstance(result, (list, tuple)) and result and hasattr(result[0], "tolist"):
        # Several outputs: one array each.
        parts = [_plain(part) for part in result]
        return [part[0] for part in parts], [part[1] for part in parts]
    if hasattr(result, "toarray"):
        result = result.toarray()  # sparse
    if hasattr(result, "to_numpy"):
        result = result.to_numpy()
    elif hasattr(result, "values") and not callable(result.values):
        result = result.values  # a data frame of old
    if hasattr(result, "tolist"):
        return result.tolist(), str(result.dtype)
    return result, type(result).__name__


def _scalar(value):
    """A value that json does not know: a scalar of numpy inside a list of objects, else its text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
