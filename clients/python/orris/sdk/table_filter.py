"""Conditions on the rows of a table, as Python spells them: `(table["age"] > 30) & ~table["name"].is_null()`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from numbers import Real
from typing import Any, NoReturn, Self

from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument

_C = Table.Condition
_EXACT = 2**53  # above it, not every whole number is one of the contract's numbers


class RowCondition:
    """What a row must be like; combined with `&`, `|` and `~`."""

    def __init__(self, message: Table.Condition) -> None:
        self.message = message

    def __and__(self, other: RowCondition) -> Self:
        return type(self)(_C(all=_C.Conditions(conditions=_messages(self, other))))

    def __or__(self, other: RowCondition) -> Self:
        return type(self)(_C(any=_C.Conditions(conditions=_messages(self, other))))

    def __invert__(self) -> Self:
        return type(self)(_C(negated=self.message))

    def __bool__(self) -> NoReturn:
        raise InvalidArgument("filter: combine conditions with &, | and ~, not with and, or, not", field="filter")


class Column:
    """A column of a table, to be compared with a text, a number, a truth value or a moment."""

    # The kind of what its comparisons are.
    _condition = RowCondition

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, value: object) -> RowCondition:  # type: ignore[override]  # not whether it is the same column
        return self._compare(_C.OPERATOR_EQUAL, value)

    def __ne__(self, value: object) -> RowCondition:  # type: ignore[override]
        return ~(self == value) & ~self.is_null()

    def __lt__(self, value: object) -> RowCondition:
        return self._compare(_C.OPERATOR_LESS, value)

    def __le__(self, value: object) -> RowCondition:
        return self._compare(_C.OPERATOR_LESS_OR_EQUAL, value)

    def __gt__(self, value: object) -> RowCondition:
        return ~(self <= value) & ~self.is_null()

    def __ge__(self, value: object) -> RowCondition:
        return ~(self < value) & ~self.is_null()

    __hash__ = None  # type: ignore[assignment]  # what is equal to it is a question

    def is_null(self) -> RowCondition:
        """Return that the row has no value there."""
        return self._condition(_C(compare=_C.Comparison(column=self.name, operator=_C.OPERATOR_MISSING)))

    def isin(self, values: Iterable[object]) -> RowCondition:
        """Return that the value is one of these; of none, no row has it."""
        if isinstance(values, str):
            raise InvalidArgument(f"filter: isin([{values!r}]) is of a list, not of a text", field="filter")
        found = [(self == each).message for each in values]
        return self._condition(_C(any=_C.Conditions(conditions=found))) if found else self.is_null() & ~self.is_null()

    def starts_with(self, text: str) -> RowCondition:
        """Return that the value is a text that begins like this."""
        return self._compare_text(_C.OPERATOR_STARTS_WITH, text)

    def ends_with(self, text: str) -> RowCondition:
        """Return that the value is a text that ends like this."""
        return self._compare_text(_C.OPERATOR_ENDS_WITH, text)

    def contains(self, text: str) -> RowCondition:
        """Return that the value is a text that this one, no pattern, is in."""
        return self._compare_text(_C.OPERATOR_CONTAINS, text)

    startswith, endswith = starts_with, ends_with  # as Python and pandas spell them

    def _compare_text(self, how: Any, text: object) -> RowCondition:
        if not isinstance(text, str):
            raise InvalidArgument(f"filter: {text!r} is no text", field="filter")
        return self._compare(how, text)

    def _compare(self, how: Any, value: object) -> RowCondition:
        comparison = _C.Comparison(column=self.name, operator=how)
        if isinstance(value, bool):
            comparison.truth = value
        elif isinstance(value, Real) and _is_exact(value):  # numpy's numbers are some, too
            comparison.number = float(value)
        elif isinstance(value, str):
            comparison.text = value
        elif isinstance(value, datetime | date):
            comparison.time = value.isoformat()
        else:
            message = f"filter: {value!r} is no text, number, truth value or moment"
            raise InvalidArgument(message, field="filter")
        return self._condition(_C(compare=comparison))


def _is_exact(value: Any) -> bool:
    return bool(-_EXACT <= value <= _EXACT)


def _messages(*conditions: object) -> Sequence[Table.Condition]:
    for each in conditions:
        if not isinstance(each, RowCondition):
            raise InvalidArgument(f"filter: {each!r} is no condition; put comparisons in parentheses", field="filter")
    return [each.message for each in conditions if isinstance(each, RowCondition)]
