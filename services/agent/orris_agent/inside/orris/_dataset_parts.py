"""What part of a dataset is asked for: as `orris.sdk.dataset_parts` has it where runs are submitted."""

import operator
import os
from numbers import Real

from ._exceptions import UserErrorException


def at_least_0(count) -> int:
    """Return a number of rows or files."""
    try:
        whole = operator.index(count)
    except TypeError:
        whole = -1
    if whole < 0:
        raise UserErrorException("count: %r is no number of rows or files" % (count,))
    return whole


def probability(value) -> float:
    """Return a probability."""
    if not (isinstance(value, Real) and 0 <= value <= 1):
        raise UserErrorException("percentage: %r is not between 0 and 1" % (value,))
    return float(value)


def seed_or_new(seed) -> int:
    """Return what the numbers of a sample follow from, a new one for None."""
    if seed is None:
        return int.from_bytes(os.urandom(4), "big")
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = 1 << 63
    if not -(1 << 63) <= whole < 1 << 63:
        raise UserErrorException("seed: %r is no whole number of 64 bits" % (seed,))
    return whole
