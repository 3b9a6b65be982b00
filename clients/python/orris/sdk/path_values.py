"""What the paths of a dataset's files say, by its `partition_format`: without reading the files, and without pandas."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument
from orris.partitions import partition_of
from orris.sdk.column_values import matched

Value = str | datetime

_COMPARED: Mapping[int, Callable[[Any, Any], object]] = {
    Table.Condition.OPERATOR_EQUAL: operator.eq,
    Table.Condition.OPERATOR_LESS: operator.lt,
    Table.Condition.OPERATOR_LESS_OR_EQUAL: operator.le,
    Table.Condition.OPERATOR_STARTS_WITH: str.startswith,
    Table.Condition.OPERATOR_ENDS_WITH: str.endswith,
    Table.Condition.OPERATOR_CONTAINS: operator.contains,
}


class PathValues:
    """The values of columns that paths say. Raises InvalidArgument for a format that is none."""

    def __init__(self, partition_format: str) -> None:
        self._partition = partition_of(partition_format) if partition_format else None

    @property
    def keys(self) -> list[str]:
        """The names of the columns; none without a format."""
        return [name for name, _ in self._partition["columns"]] if self._partition else []

    def of(self, path: str) -> dict[str, Value]:
        """Return what a path says, by column. Raises InvalidArgument for a path that the format does not fit."""
        try:
            return {
                name: text if time is None else datetime.strptime(text, time)  # noqa: DTZ007  # paths name no zone
                for name, time, text in (matched(self._partition, path) if self._partition else ())
            }
        except ValueError as error:
            raise InvalidArgument(f"partition_format: /{path}: {error}", field="partition_format") from error

    def distinct(self, paths: Iterable[str], keys: Sequence[str] | None = None) -> list[dict[str, Value]]:
        """Return which values of columns (default: all) occur together, each once, in the order of paths.

        Raises InvalidArgument where paths say nothing, or not of such a column.
        """
        if not self.keys:
            message = "partition_keys: paths of this dataset say nothing; give its from_... a partition_format"
            raise InvalidArgument(message, field="partition_keys")
        wanted = self.keys if keys is None else list(keys)
        for each in wanted:
            self._check(each)
        found = (self.of(path) for path in paths)
        return [dict(each) for each in dict.fromkeys(tuple((key, values[key]) for key in wanted) for values in found)]

    def chosen(self, paths: Iterable[str], condition: Table.Condition) -> list[str]:
        """Return the paths that say what a condition asks for. Raises InvalidArgument."""
        return [path for path in paths if self._holds(self.of(path), condition)]

    def _holds(self, values: Mapping[str, Value], condition: Table.Condition) -> bool:
        which = condition.WhichOneof("condition")
        if which == "negated":
            return not self._holds(values, condition.negated)
        if which == "compare":
            return self._compared(values, condition.compare)
        several = (condition.all if which == "all" else condition.any).conditions
        # Each is looked at, so that whether a column is wrong depends on no value.
        held = [self._holds(values, each) for each in several]
        return all(held) if which == "all" else any(held)

    def _compared(self, values: Mapping[str, Value], comparison: Table.Condition.Comparison) -> bool:
        self._check(comparison.column)
        if comparison.operator == Table.Condition.OPERATOR_MISSING:
            return False
        value = values[comparison.column]
        given = getattr(comparison, comparison.WhichOneof("value") or "text")
        try:
            other = datetime.fromisoformat(given) if comparison.HasField("time") else given
            if type(value) is not type(other) or getattr(other, "tzinfo", None):
                raise TypeError
            return bool(_COMPARED[comparison.operator](value, other))
        except (TypeError, ValueError) as error:
            kind = "text" if isinstance(value, str) else "moments without a zone"
            message = f"filter: the column {comparison.column!r} has {kind}, not what is like {given!r}"
            raise InvalidArgument(message, field="filter") from error

    def _check(self, key: str) -> None:
        if key not in self.keys:
            has = ", ".join(self.keys) or "nothing: give its from_files a partition_format"
            raise InvalidArgument(f"paths say nothing of {key!r}; they say {has}", field="partition_keys")
