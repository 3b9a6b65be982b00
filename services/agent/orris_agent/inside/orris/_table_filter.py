"""Conditions on the rows of a table: as `orris.sdk.table_filter` has them where runs are submitted."""

from datetime import date
from numbers import Real

from ._exceptions import UserErrorException


class RowCondition:
    """What a row must be like; combined with `&`, `|` and `~`."""

    def __init__(self, condition: dict) -> None:
        self.condition = condition

    def __and__(self, other) -> "RowCondition":
        return RowCondition({"all": {"conditions": _conditions(self, other)}})

    def __or__(self, other) -> "RowCondition":
        return RowCondition({"any": {"conditions": _conditions(self, other)}})

    def __invert__(self) -> "RowCondition":
        return RowCondition({"negated": self.condition})

    def __bool__(self) -> bool:
        raise UserErrorException("filter: combine conditions with &, | and ~, not with and, or, not")


class Column:
    """A column of a table, to be compared with a text, a number, a truth value or a moment."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, value) -> RowCondition:
        return self._compare("OPERATOR_EQUAL", value)

    def __ne__(self, value) -> RowCondition:
        return ~(self == value) & ~self.is_null()

    def __lt__(self, value) -> RowCondition:
        return self._compare("OPERATOR_LESS", value)

    def __le__(self, value) -> RowCondition:
        return self._compare("OPERATOR_LESS_OR_EQUAL", value)

    def __gt__(self, value) -> RowCondition:
        return ~(self <= value) & ~self.is_null()

    def __ge__(self, value) -> RowCondition:
        return ~(self < value) & ~self.is_null()

    __hash__ = None

    def is_null(self) -> RowCondition:
        """Return that the row has no value there."""
        return RowCondition({"compare": {"column": self.name, "operator": "OPERATOR_MISSING"}})

    def isin(self, values) -> RowCondition:
        """Return that the value is one of these; of none, no row has it."""
        if isinstance(values, str):
            raise UserErrorException("filter: isin([%r]) is of a list, not of a text" % values)
        found = [(self == each).condition for each in values]
        return RowCondition({"any": {"conditions": found}}) if found else self.is_null() & ~self.is_null()

    def starts_with(self, text: str) -> RowCondition:
        """Return that the value is a text that begins like this."""
        return self._compare_text("OPERATOR_STARTS_WITH", text)

    def ends_with(self, text: str) -> RowCondition:
        """Return that the value is a text that ends like this."""
        return self._compare_text("OPERATOR_ENDS_WITH", text)

    def contains(self, text: str) -> RowCondition:
        """Return that the value is a text that this one, no pattern, is in."""
        return self._compare_text("OPERATOR_CONTAINS", text)

    startswith, endswith = starts_with, ends_with  # as Python and pandas spell them

    def _compare_text(self, how: str, text) -> RowCondition:
        if not isinstance(text, str):
            raise UserErrorException("filter: %r is no text" % (text,))
        return self._compare(how, text)

    def _compare(self, how: str, value) -> RowCondition:
        for kind, types in (("truth", bool), ("number", Real), ("text", str), ("time", date)):
            if isinstance(value, types):
                written = value.isoformat() if kind == "time" else value
                return RowCondition({"compare": {"column": self.name, "operator": how, kind: written}})
        raise UserErrorException("filter: %r is no text, number, truth value or moment" % (value,))


def _conditions(*conditions) -> list:
    for each in conditions:
        if not isinstance(each, RowCondition):
            raise UserErrorException("filter: %r is no condition; put comparisons in parentheses" % (each,))
    return [each.condition for each in conditions]
