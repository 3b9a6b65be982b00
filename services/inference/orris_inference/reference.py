"""The sample of a model, as shares of bins by column: tens of numbers stay of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orris.errors import InvalidArgument
from orris_inference.scoring import rows_in
from orris_inference.signature import Signature

BINS = 10
CATEGORIES = 50
MOST_COLUMNS = 1000

# By column: how many values are in each bin, and, last, how many are missing.
Counts = list[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's bins: numbers between `edges`, or `categories` with one bin more for all others."""

    name: str
    shares: Any
    edges: Any = None
    categories: Mapping[Any, int] | None = None

    def counts_of(self, values: Sequence[Any]) -> Any:
        """Return how many of the values are in each bin, and how many are missing."""
        return self._of_numbers(values) if self.categories is None else self._of_categories(values, self.categories)

    def _of_numbers(self, values: Sequence[Any]) -> Any:
        numbers = _numbers(values)
        there = numbers[~np.isnan(numbers)]
        bins = np.bincount(np.searchsorted(self.edges, there, side="right"), minlength=len(self.shares))
        return np.append(bins, len(numbers) - len(there))

    def _of_categories(self, values: Sequence[Any], categories: Mapping[Any, int]) -> Any:
        counts = np.zeros(len(self.shares) + 1, dtype=np.int64)
        for value in values:
            if value is None or value != value:
                counts[-1] += 1
            else:
                counts[categories.get(_text(value), len(self.shares) - 1)] += 1
        return counts


@dataclass(frozen=True, slots=True)
class Reference:
    """A sample: its columns, and how many rows it had."""

    columns: tuple[Column, ...]
    rows: int

    @classmethod
    def of(cls, sample_json: str, signature: Signature) -> Reference | None:
        """Return what a model's sample is like; None without one that has columns."""
        if not sample_json or signature.one_dimensional:
            return None
        try:
            rows, names = rows_in(json.loads(sample_json), signature)
            width = len(rows[0]) if signature.columns is None else len(signature.columns)
            if any(len(row) != width for row in rows):
                return None
            kept = range(min(width, MOST_COLUMNS))
            columns = [_column(_name(names, index), [row[index] for row in rows]) for index in kept]
        except (ValueError, TypeError, InvalidArgument):  # values that are lists, for example
            return None
        return cls(tuple(columns), len(rows))

    @property
    def digest(self) -> str:
        """What tells it from a sample with other bins."""
        bins = [
            (column.name, column.shares.tolist(), None if column.edges is None else list(map(float, column.edges)),
             sorted(map(str, column.categories or ())))
            for column in self.columns
        ]  # fmt: skip
        return hashlib.sha256(json.dumps([self.rows, bins]).encode()).hexdigest()

    def no_counts(self) -> Counts:
        """Return counts of nothing."""
        return [np.zeros(len(column.shares) + 1, dtype=np.int64) for column in self.columns]

    def counts_of(self, batches: Sequence[tuple[Any, int]]) -> Counts:
        """Return the counts of several inputs, of each at most so many rows."""
        counts = self.no_counts()
        for together in self._joined(batches):
            for index, (column, values) in enumerate(zip(self.columns, together, strict=False)):
                counts[index] = counts[index] + column.counts_of(values)
        return counts

    def _joined(self, batches: Sequence[tuple[Any, int]]) -> list[list[Sequence[Any]]]:
        """Return tables by column: all rows of requests as one, for most are single."""
        rows: list[Sequence[Any]] = []
        tables = []
        for batch, most in batches:
            if isinstance(batch, Mapping):
                tables.append(self._of_tensors(batch, most))
            else:
                rows += batch[:most]
        width = len(self.columns)
        return [*tables, [list(values) for values in zip(*(row for row in rows if len(row) >= width), strict=False)]]

    def _of_tensors(self, tensors: Mapping[str, Any], most: int) -> list[Sequence[Any]]:
        if len(tensors) == 1:
            (table,) = tensors.values()
            if table.ndim == 2 and table.shape[1] >= len(self.columns):
                return list(table[:most].T)
        if all(column.name in tensors for column in self.columns):
            return [tensors[column.name].ravel()[:most] for column in self.columns]
        return []


def _column(name: str, values: list[Any]) -> Column:
    there = [value for value in values if value is not None]
    if there and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        edges = _edges(_numbers(there))
        return _with_shares(Column(name, np.zeros(len(edges) + 1), edges=edges), values)
    seen: dict[Any, int] = {}
    for value in there:
        seen[_text(value)] = seen.get(_text(value), 0) + 1
    kept = sorted(seen, key=lambda each: (-seen[each], str(each)))[:CATEGORIES]
    categories = {value: index for index, value in enumerate(kept)}
    return _with_shares(Column(name, np.zeros(len(kept) + 1), categories=categories), values)


def _with_shares(column: Column, values: list[Any]) -> Column:
    counts = column.counts_of(values)[:-1]
    shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return Column(column.name, shares, column.edges, column.categories)


def _edges(numbers: Any) -> Any:
    """Return what separates bins: between the values where they are few, else quantiles."""
    different = np.unique(numbers)
    if len(different) <= BINS:
        return (different[1:] + different[:-1]) / 2
    return np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1]))


def _numbers(values: Sequence[Any]) -> Any:
    try:
        return np.array(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in values], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.item() if isinstance(value, np.generic) else value


def _name(names: Sequence[str] | None, index: int) -> str:
    return names[index] if names else str(index)
