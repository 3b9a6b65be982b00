"""Which rows of a table a condition holds for, as the contract's `Table.Condition` says it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from orris.errors import InvalidArgument

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "OPERATOR_EQUAL": operator.eq,
    "OPERATOR_LESS": operator.lt,
    "OPERATOR_LESS_OR_EQUAL": operator.le,
    "OPERATOR_STARTS_WITH": lambda values, text: values.str.startswith(text, na=False),
    "OPERATOR_ENDS_WITH": lambda values, text: values.str.endswith(text, na=False),
    "OPERATOR_CONTAINS": lambda values, text: values.str.contains(text, na=False, regex=False),
}


def holds(pandas: Any, frame: Any, condition: Mapping[str, Any]) -> Any:
    """Return whether a condition holds, for each row. Raises InvalidArgument for columns that cannot be compared so."""
    if "negated" in condition:
        return ~holds(pandas, frame, condition["negated"])
    if "compare" in condition:
        return _compared(pandas, frame, condition["compare"])
    combined, join = ("all", operator.and_) if "all" in condition else ("any", operator.or_)
    return reduce(join, [holds(pandas, frame, each) for each in condition[combined]["conditions"]])


def column(frame: Any, name: str) -> Any:
    """Return a column. Raises InvalidArgument where there is none of that name."""
    if name not in frame.columns:
        has = ", ".join(map(str, frame.columns))
        raise InvalidArgument(f"the table has no column {name!r}; it has {has}", field="columns")
    return frame[name]


def _compared(pandas: Any, frame: Any, comparison: Mapping[str, Any]) -> Any:
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
        message = f"the column {comparison['column']!r} cannot be compared with {value!r}: its type is {values.dtype}"
        raise InvalidArgument(message, field="filter") from error
