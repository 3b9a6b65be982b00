"""What part of a dataset is asked for."""

from __future__ import annotations

import operator
import secrets
from numbers import Real

from orris.errors import InvalidArgument


def at_least_0(count: int) -> int:
    """Return a number of rows or files. Raises InvalidArgument for what is none."""
    try:
        whole = operator.index(count)
    except TypeError:
        whole = -1
    if whole < 0:
        raise InvalidArgument(f"count: {count!r} is no number of rows or files", field="count")
    return whole


def probability(value: float) -> float:
    """Return a probability. Raises InvalidArgument for what is none."""
    if not (isinstance(value, Real) and 0 <= value <= 1):
        raise InvalidArgument(f"percentage: {value!r} is not between 0 and 1", field="percentage")
    return float(value)


def seed_or_new(seed: int | None) -> int:
    """Return what the numbers of a sample follow from, a new one for None. Raises InvalidArgument."""
    if seed is None:
        return secrets.randbits(32)
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = 1 << 63
    if not -(1 << 63) <= whole < 1 << 63:
        raise InvalidArgument(f"seed: {seed!r} is no whole number of 64 bits", field="seed")
    return whole
