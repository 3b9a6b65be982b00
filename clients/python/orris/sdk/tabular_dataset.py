"""Datasets that are read as tables."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from orris.artifacts.v1 import data_pb2
from orris.errors import InvalidArgument
from orris.sdk.dataset import Dataset
from orris.sdk.dataset_parts import at_least_0, probability
from orris.sdk.table_filter import Column, RowCondition
from orris.tables import plan_of


class TabularDataset(Dataset):
    """Files that are read as a table, where the table is used. What is done with it before is only noted."""

    def to_pandas_dataframe(self, on_error: str = "null", out_of_range_datetime: str = "null") -> Any:
        """Return the table as a pandas.DataFrame.

        Values that are not of their column's type are missing, and refused where `on_error` is "fail". Raises
        FailedPrecondition without pandas.
        """
        from orris.sdk.frames import read_frame

        assert self.table is not None
        with tempfile.TemporaryDirectory(prefix="orris-data-") as folder:
            self.files.save(Path(folder))
            return read_frame(folder, plan_of(self.table), strict=on_error == "fail")

    def take(self, count: int) -> Self:
        """Return the first rows."""
        return self._after(data_pb2.Table.Step(take=at_least_0(count)))

    def skip(self, count: int) -> Self:
        """Return all but the first rows."""
        return self._after(data_pb2.Table.Step(skip=at_least_0(count)))

    def take_sample(self, probability: float, seed: int | None = None) -> Self:
        """Return some of the rows by chance: each with that probability."""
        return self.random_split(probability, seed)[0]

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Return two parts by chance: each row is in the first with that probability, else in the second."""
        seed = secrets.randbits(32) if seed is None else seed
        edges = (0.0, probability(percentage), 1.0)
        first, second = (
            self._after(data_pb2.Table.Step(sample=data_pb2.Table.Sample(seed=seed, low=low, high=high)))
            for low, high in pairwise(edges)
        )
        return first, second

    def keep_columns(self, columns: str | Sequence[str], validate: bool = False) -> Self:
        """Return these columns only."""
        return self._after(data_pb2.Table.Step(keep_columns=named_columns(columns)))

    def drop_columns(self, columns: str | Sequence[str]) -> Self:
        """Return all other columns."""
        return self._after(data_pb2.Table.Step(drop_columns=named_columns(columns)))

    def filter(self, expression: RowCondition) -> Self:
        """Return the rows that are like this, for example `table.filter(table["age"] > 30)`."""
        if not isinstance(expression, RowCondition):
            raise InvalidArgument("filter: compare a column, like table['age'] > 30", field="filter")
        return self._after(data_pb2.Table.Step(filter=expression.message))

    def __getitem__(self, name: str) -> Column:
        return Column(name)

    def _after(self, step: data_pb2.Table.Step) -> Self:
        table = data_pb2.Table()
        table.CopyFrom(self.table or data_pb2.Table())
        table.steps.append(step)
        made = type(self)(self.files, table)
        made.origin = self.origin
        return made


def named_columns(columns: str | Sequence[str]) -> data_pb2.Table.Columns:
    """Return some columns, or one."""
    return data_pb2.Table.Columns(names=[columns] if isinstance(columns, str) else [str(each) for each in columns])
