"""How the work of one script is spread over the machines of its pool."""

from __future__ import annotations

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2

DISTRIBUTIONS = {"joblib": runs_pb2.DISTRIBUTION_JOBLIB}


def distribution_number(name: str | None) -> runs_pb2.Distribution.ValueType:
    """Return the contract's form of "joblib" or None. Raises InvalidArgument."""
    if name is None:
        return runs_pb2.DISTRIBUTION_UNSPECIFIED
    if name not in DISTRIBUTIONS:
        message = f"distribution: {str(name)[:50]!r} is none; give 'joblib', or leave it out"
        raise InvalidArgument(message, field="distribution")
    return DISTRIBUTIONS[name]


def distribution_name(number: int) -> str | None:
    """Return the name of a distribution; None for a run that has one machine."""
    return next((name for name, known in DISTRIBUTIONS.items() if known == number), None)
