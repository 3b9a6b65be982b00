"""What part of a dataset is asked for."""

from __future__ import annotations

from orris.errors import InvalidArgument


def at_least_0(count: int) -> int:
    """Return a number of rows or files. Raises InvalidArgument for a negative one."""
    if count < 0:
        raise InvalidArgument(f"count: {count} is negative", field="count")
    return count


def probability(value: float) -> float:
    """Return a probability. Raises InvalidArgument for what is none."""
    if not 0 <= value <= 1:
        raise InvalidArgument(f"percentage: {value} is not between 0 and 1", field="percentage")
    return value
