"""Values as users give them, numpy's among them: as Python's own, without importing numpy."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any

from orris.errors import InvalidArgument


def plain(value: Any) -> Any:
    """Return an array as a list, a scalar of numpy's as Python's own, and all else as it is."""
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, type) else value


def whole(value: Any) -> int | None:
    """Return a whole number; None for what is none: a truth value, a text, 1.5."""
    value = plain(value)
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def finite(value: Any) -> float | None:
    """Return a number; None for what is none, or is NaN, infinite, or larger than any float."""
    value = plain(value)
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def text(value: Any) -> str | None:
    """Return a text; None for what is none, or has half a character in it, as YAML and JSON can name them."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return str(value)


def shown(value: Any) -> str:
    """Return a value for a message, cut where it is long."""
    try:
        return f"{value!r:.100}"
    except ValueError:  # Python refuses to write down thousands of digits
        return "a number of thousands of digits"


def count(value: Any, field: str, least: int, most: int) -> int:
    """Return a whole number within bounds. Raises InvalidArgument that names the field."""
    number = whole(value)
    if number is None or not least <= number <= most:
        message = f"{field}: a whole number from {least:,} to {most:,} is expected, not {shown(value)}"
        raise InvalidArgument(message, field=field)
    return number
