"""Datasets in a run that are tables: read with the environment's pandas when that is asked for."""

import os

from ._data import AbstractDataset, FileDataset, new_folder
from ._dataset_parts import at_least_0, probability, seed_or_new
from ._exceptions import UserErrorException


class TabularDataset(AbstractDataset):
    """A table that the run was given. What is done with it before it is read is only noted."""

    def to_pandas_dataframe(self, on_error="null", out_of_range_datetime="null"):
        """Return the table as a pandas.DataFrame. Raises UserErrorException where the environment has no pandas."""
        from ._frames import read_frame

        return read_frame(self._folder, self._given["table"], strict=on_error == "fail")

    def to_csv_files(self, separator=",") -> FileDataset:
        """Return the table as it is now as a file of lines of values."""
        folder = new_folder()
        self.to_pandas_dataframe().to_csv(os.path.join(folder, "part-00000.csv"), sep=separator, index=False)
        return self._made(folder)

    def to_parquet_files(self) -> FileDataset:
        """Return the table as it is now as a Parquet file. Raises UserErrorException without pyarrow."""
        folder = new_folder()
        try:
            self.to_pandas_dataframe().to_parquet(os.path.join(folder, "part-00000.parquet"))
        except ImportError:
            raise UserErrorException("Parquet is written with pyarrow: add it to the environment of the run") from None
        return self._made(folder)

    def _made(self, folder: str) -> FileDataset:
        """Return files that were made of it: they are no dataset that is known elsewhere."""
        return FileDataset(folder, {"id": "", "dataset": "", "table": None, "partition": None})

    @property
    def timestamp_columns(self) -> tuple:
        """The columns that say of a row when it was: finely, and more coarsely; None where there is none."""
        table = self._given["table"]
        return table.get("timestamp_column") or None, table.get("partition_timestamp_column") or None

    def with_timestamp_columns(self, timestamp=None, partition_timestamp=None, validate=False, **older):
        """Return the same, with columns that say of a row when it was; they are read as moments."""
        names = (
            timestamp or older.get("fine_grain_timestamp"),
            partition_timestamp or older.get("coarse_grain_timestamp"),
        )
        table = self._given["table"]
        types = dict({name: "datetime" for name in names if name}, **table.get("column_types", {}))
        made = self._with(dict(table, column_types=types, **_times(*names)))
        if validate:
            made.keep_columns([name for name in names if name]).to_pandas_dataframe(on_error="fail")
        return made

    def time_before(self, end_time, include_boundary=True, validate=True) -> "TabularDataset":
        """Return the rows up to a moment. Raises UserErrorException without a timestamp column."""
        when = self._when()
        return self.filter(when <= end_time if include_boundary else when < end_time)

    def time_after(self, start_time, include_boundary=True, validate=True) -> "TabularDataset":
        """Return the rows from a moment on. Raises UserErrorException without a timestamp column."""
        when = self._when()
        return self.filter(when >= start_time if include_boundary else when > start_time)

    def time_between(self, start_time, end_time, include_boundary=True, validate=True) -> "TabularDataset":
        """Return the rows between two moments. Raises UserErrorException without a timestamp column."""
        return self.time_after(start_time, include_boundary).time_before(end_time, include_boundary)

    def time_recent(self, time_delta, include_boundary=True, validate=True) -> "TabularDataset":
        """Return the rows from so long before now (UTC) on. Raises UserErrorException without a timestamp column."""
        from datetime import datetime, timezone

        return self.time_after(datetime.now(timezone.utc).replace(tzinfo=None) - time_delta, include_boundary)

    def _when(self):
        name = next((name for name in self.timestamp_columns if name), None)
        if name is None:
            raise UserErrorException("the table says of no column when a row was: with_timestamp_columns(column) does")
        return self[name]

    def take(self, count: int) -> "TabularDataset":
        """Return the first rows."""
        return self._after({"take": at_least_0(count)})

    def skip(self, count: int) -> "TabularDataset":
        """Return all but the first rows."""
        return self._after({"skip": at_least_0(count)})

    def take_sample(self, probability: float, seed=None) -> "TabularDataset":
        """Return some of the rows by chance."""
        return self.random_split(probability, seed)[0]

    def random_split(self, percentage: float, seed=None) -> tuple:
        """Return two parts by chance: each row is in the first with that probability, else in the second."""
        seed, edge = seed_or_new(seed), probability(percentage)
        return tuple(
            self._after({"sample": {"seed": seed, "low": low, "high": high}})
            for low, high in ((0.0, edge), (edge, 1.0))
        )

    def keep_columns(self, columns, validate=False) -> "TabularDataset":
        """Return these columns only."""
        names = _names(columns)
        return self._after({"keep_columns": {"names": names}})._without_times(lambda name: name not in names)

    def drop_columns(self, columns) -> "TabularDataset":
        """Return all other columns."""
        names = _names(columns)
        return self._after({"drop_columns": {"names": names}})._without_times(lambda name: name in names)

    def filter(self, expression) -> "TabularDataset":
        """Return the rows that are like this, for example `table.filter(table["age"] > 30)`."""
        from ._table_filter import RowCondition

        if not isinstance(expression, RowCondition):
            raise UserErrorException("filter: compare a column, like table['age'] > 30")
        return self._after({"filter": expression.condition})

    def __getitem__(self, name: str):
        from ._table_filter import Column

        return Column(name)

    def _after(self, step: dict) -> "TabularDataset":
        table = self._given["table"]
        return self._with(dict(table, steps=list(table.get("steps", ())) + [step]))

    def _without_times(self, is_gone) -> "TabularDataset":
        """Return the same, which says nothing of timestamp columns that it lacks."""
        names = [None if name is None or is_gone(name) else name for name in self.timestamp_columns]
        return self._with(dict(self._given["table"], **_times(*names)))

    def _with(self, table: dict) -> "TabularDataset":
        return type(self)(self._place, dict(self._given, table=table))


def _times(timestamp, partition_timestamp) -> dict:
    return {"timestamp_column": timestamp or "", "partition_timestamp_column": partition_timestamp or ""}


def _names(columns) -> list:
    return [columns] if isinstance(columns, str) else list(columns)
