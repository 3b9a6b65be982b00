"""What the paths of a dataset's files say: as `orris.sdk.path_values` has it where runs are submitted."""

import operator
import re
from datetime import datetime

from ._exceptions import UserErrorException

_COMPARED = {
    "OPERATOR_EQUAL": operator.eq,
    "OPERATOR_LESS": operator.lt,
    "OPERATOR_LESS_OR_EQUAL": operator.le,
    "OPERATOR_STARTS_WITH": str.startswith,
    "OPERATOR_ENDS_WITH": str.endswith,
    "OPERATOR_CONTAINS": operator.contains,
}


class PathValues:
    """The values of columns that paths say; `partition` is what the agent tells of their format, None without one."""

    def __init__(self, partition) -> None:
        self._partition = partition

    @property
    def keys(self) -> list:
        """The names of the columns; none without a format."""
        return [name for name, _ in self._partition["columns"]] if self._partition else []

    def of(self, path: str) -> dict:
        """Return what a path says, by column: text, or `datetime`s."""
        if not self._partition:
            return {}
        found = re.search(self._partition["expression"], "/" + path)
        if found is None:
            raise UserErrorException("partition_format: the path /%s does not end like that" % path)
        try:
            return {
                name: text if time is None else datetime.strptime(text, time)  # noqa: DTZ007  # paths name no zone
                for (name, time), text in zip(self._partition["columns"], found.groups())
            }
        except ValueError as error:
            raise UserErrorException("partition_format: /%s: %s" % (path, error)) from error

    def distinct(self, paths: list, keys=None) -> list:
        """Return which values of columns (default: all) occur together, each once, in the order of paths."""
        if not self._partition:
            raise UserErrorException("partition_keys: the dataset was made without a partition_format")
        wanted = [keys] if isinstance(keys, str) else self.keys if keys is None else list(keys)
        for each in wanted:
            self._check(each)
        found = (self.of(path) for path in paths)
        return [dict(each) for each in dict.fromkeys(tuple((key, values[key]) for key in wanted) for values in found)]

    def chosen(self, paths: list, condition: dict) -> list:
        """Return the paths that say what a condition asks for."""
        return [path for path in paths if self._holds(self.of(path), condition)]

    def _holds(self, values: dict, condition: dict) -> bool:
        if "negated" in condition:
            return not self._holds(values, condition["negated"])
        if "compare" in condition:
            return self._compared(values, condition["compare"])
        # Each is looked at, so that whether a column is wrong depends on no value.
        several = condition["all" if "all" in condition else "any"]["conditions"]
        held = [self._holds(values, each) for each in several]
        return all(held) if "all" in condition else any(held)

    def _compared(self, values: dict, comparison: dict) -> bool:
        name, wanted = comparison["column"], comparison["operator"]
        self._check(name)
        if wanted == "OPERATOR_MISSING":
            return False
        value = values[name]
        given = next(comparison[kind] for kind in ("text", "number", "truth", "time") if kind in comparison)
        try:
            other = _moment(given) if "time" in comparison else given
            if type(value) is not type(other):
                raise TypeError
            return _COMPARED[wanted](value, other)
        except (TypeError, ValueError) as error:
            kind = "text" if isinstance(value, str) else "moments without a zone"
            raise UserErrorException(
                "filter: the column %r has %s, not what is like %r" % (name, kind, given)
            ) from error

    def _check(self, key: str) -> None:
        if key not in self.keys:
            raise UserErrorException("paths say nothing of %r; they say %s" % (key, ", ".join(self.keys) or "nothing"))


def _moment(text: str) -> datetime:
    """Return the moment that `isoformat` wrote, of a date or a time without a zone."""
    for spelled in ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"):
        try:
            return datetime.strptime(text, spelled)  # noqa: DTZ007  # paths name no zone
        except ValueError:
            pass
    raise ValueError(text)
