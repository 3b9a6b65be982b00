"""Which rows of a table a condition holds for: as `orris.sdk.row_conditions` has it where runs are submitted."""

import operator
from functools import reduce

from ._exceptions import UserErrorException

_COMPARED = {
    "OPERATOR_EQUAL": operator.eq,
    "OPERATOR_LESS": operator.lt,
    "OPERATOR_LESS_OR_EQUAL": operator.le,
    "OPERATOR_STARTS_WITH": lambda values, text: values.str.startswith(text, na=False),
    "OPERATOR_ENDS_WITH": lambda values, text: values.str.endswith(text, na=False),
    "OPERATOR_CONTAINS": lambda values, text: values.str.contains(text, na=False, regex=False),
}


def holds(pandas, frame, condition: dict):
    """Return whether a condition holds, for each row. Raises UserErrorException."""
    if "negated" in condition:
        return ~holds(pandas, frame, condition["negated"])
    if "compare" in condition:
        return _compared(pandas, frame, condition["compare"])
    combined, join = ("all", operator.and_) if "all" in condition else ("any", operator.or_)
    return reduce(join, [holds(pandas, frame, each) for each in condition[combined]["conditions"]])


def column(frame, name: str):
    """Return a column. Raises UserErrorException where there is none of that name."""
    if name not in frame.columns:
        has = ", ".join(map(str, frame.columns))
        raise UserErrorException("the table has no column %r; it has %s" % (name, has))
    return frame[name]


def _compared(pandas, frame, comparison: dict):
    values, wanted = column(frame, comparison["column"]), comparison["operator"]
    if wanted == "OPERATOR_MISSING":
        return values.isna()
    if values.isna().all():  # of which type its values would be, nothing says
        return values.notna()
    value = next(comparison[kind] for kind in ("text", "number", "truth", "time") if kind in comparison)
    if "time" in comparison:
        value = pandas.Timestamp(value)
    try:
        return _COMPARED[wanted](values, value) & values.notna()
    except (TypeError, AttributeError) as error:  # what is no text has no `str`
        raise UserErrorException(
            "the column %r cannot be compared with %r: its type is %s" % (comparison["column"], value, values.dtype)
        ) from error
