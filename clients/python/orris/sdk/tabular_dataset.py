"""Datasets that are read as tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orris.artifacts.v1 import data_pb2
from orris.errors import FailedPrecondition, InvalidArgument
from orris.sdk.dataset import Dataset
from orris.sdk.dataset_parts import at_least_0, probability, seed_or_new
from orris.sdk.table_filter import Column, RowCondition
from orris.tables import plan_of

if TYPE_CHECKING:
    from orris.sdk.file_dataset import FileDataset


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

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """Return the table as it is now as a file of lines of values. Raises what `to_pandas_dataframe` does."""
        frame = self.to_pandas_dataframe()
        return _one_file("part-00000.csv", lambda path: frame.to_csv(path, sep=separator, index=False))

    def to_parquet_files(self) -> FileDataset:
        """Return the table as it is now as a Parquet file.

        Raises what `to_pandas_dataframe` does, and FailedPrecondition without pyarrow.
        """
        frame = self.to_pandas_dataframe()
        return _one_file("part-00000.parquet", lambda path: write_parquet(frame, path))

    @property
    def timestamp_columns(self) -> tuple[str | None, str | None]:
        """The columns that say of a row when it was: finely, and more coarsely; None where there is none."""
        table = self.table or data_pb2.Table()
        return table.timestamp_column or None, table.partition_timestamp_column or None

    def with_timestamp_columns(
        self, timestamp: str | None = None, partition_timestamp: str | None = None, validate: bool = False
    ) -> Self:
        """Return the same, with columns that say of a row when it was; they are read as moments.

        Reading it refuses a column that is not there; `validate`: that is tried at once.
        """
        made, table = self._changed()
        table.timestamp_column = timestamp or ""
        table.partition_timestamp_column = partition_timestamp or ""
        for name in filter(None, [timestamp, partition_timestamp]):
            table.column_types[name] = table.column_types.get(name, "datetime")
        if validate:
            made.keep_columns(list(filter(None, made.timestamp_columns))).to_pandas_dataframe(on_error="fail")
        return made

    def time_before(self, end_time: datetime, include_boundary: bool = True, validate: bool = True) -> Self:
        """Return the rows up to a moment. Raises InvalidArgument without a timestamp column."""
        when = self._when()
        return self.filter(when <= end_time if include_boundary else when < end_time)

    def time_after(self, start_time: datetime, include_boundary: bool = True, validate: bool = True) -> Self:
        """Return the rows from a moment on. Raises InvalidArgument without a timestamp column."""
        when = self._when()
        return self.filter(when >= start_time if include_boundary else when > start_time)

    def time_between(
        self, start_time: datetime, end_time: datetime, include_boundary: bool = True, validate: bool = True
    ) -> Self:
        """Return the rows between two moments. Raises InvalidArgument without a timestamp column."""
        return self.time_after(start_time, include_boundary).time_before(end_time, include_boundary)

    def time_recent(self, time_delta: timedelta, include_boundary: bool = True, validate: bool = True) -> Self:
        """Return the rows from so long before now (UTC) on. Raises InvalidArgument without a timestamp column."""
        return self.time_after(datetime.now(UTC).replace(tzinfo=None) - time_delta, include_boundary)

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
        """Return two parts by chance: each row is in the first with that probability, else in the second.

        With the same `seed` they are the same again, inside a run too.
        """
        seed = seed_or_new(seed)
        edges = (0.0, probability(percentage), 1.0)
        first, second = (
            self._after(data_pb2.Table.Step(sample=data_pb2.Table.Sample(seed=seed, low=low, high=high)))
            for low, high in pairwise(edges)
        )
        return first, second

    def keep_columns(self, columns: str | Sequence[str], validate: bool = False) -> Self:
        """Return these columns only."""
        kept = named_columns(columns)
        made = self._after(data_pb2.Table.Step(keep_columns=kept))
        return made._without_times(lambda name: name not in kept.names)

    def drop_columns(self, columns: str | Sequence[str]) -> Self:
        """Return all other columns."""
        dropped = named_columns(columns)
        made = self._after(data_pb2.Table.Step(drop_columns=dropped))
        return made._without_times(lambda name: name in dropped.names)

    def filter(self, expression: RowCondition) -> Self:
        """Return the rows that are like this, for example `table.filter(table["age"] > 30)`."""
        if not isinstance(expression, RowCondition):
            raise InvalidArgument("filter: compare a column, like table['age'] > 30", field="filter")
        return self._after(data_pb2.Table.Step(filter=expression.message))

    def __getitem__(self, name: str) -> Column:
        return Column(name)

    def _when(self) -> Column:
        name = next(filter(None, self.timestamp_columns), None)
        if name is None:
            message = "the table says of no column when a row was: with_timestamp_columns(column) does"
            raise InvalidArgument(message, field="timestamp")
        return Column(name)

    def _without_times(self, is_gone: Callable[[str], bool]) -> Self:
        """Let what was just made say nothing of timestamp columns that it lacks."""
        assert self.table is not None
        for field in ("timestamp_column", "partition_timestamp_column"):
            if is_gone(getattr(self.table, field)):
                self.table.ClearField(field)
        return self

    def _after(self, step: data_pb2.Table.Step) -> Self:
        made, table = self._changed()
        table.steps.append(step)
        return made

    def _changed(self) -> tuple[Self, data_pb2.Table]:
        """Return a dataset of the same files, and how it is read, to be changed."""
        table = data_pb2.Table()
        table.CopyFrom(self.table or data_pb2.Table())
        made = type(self)(self.files, table)
        made.origin = self.origin
        return made, table


def named_columns(columns: str | Sequence[str]) -> data_pb2.Table.Columns:
    """Return some columns, or one."""
    return data_pb2.Table.Columns(names=[columns] if isinstance(columns, str) else [str(each) for each in columns])


def write_parquet(frame: Any, path: Path) -> None:
    """Write a pandas.DataFrame as Parquet. Raises FailedPrecondition without pyarrow."""
    try:
        frame.to_parquet(path)
    except ImportError as error:
        raise FailedPrecondition("Parquet is written with pyarrow: install it here", reason="NO_PARQUET") from error


def _one_file(name: str, write: Callable[[Path], object]) -> FileDataset:
    from orris.sdk.content import FileContent
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.local_files import LocalFiles

    folder = tempfile.TemporaryDirectory(prefix="orris-data-")
    path = Path(folder.name) / name
    write(path)
    return FileDataset(LocalFiles({name: FileContent(path)}, folder))
