"""Datasets, under Azure's names."""

from __future__ import annotations

import tempfile
import uuid
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, Self

from azureml._abstract_dataset import AbstractDataset, Registered
from azureml._data_inputs import DatasetConsumptionConfig, OutputConsumptionConfig
from azureml._errors import translated
from azureml._placeholder import Refusing, refuse
from azureml._table_filter import Column
from orris.sdk import data_outputs, table_options
from orris.sdk import file_dataset as sdk_files
from orris.sdk import tabular_dataset as sdk_tables
from orris.sdk.dataset_factory import files_at, from_table, with_paths_checked
from orris.sdk.datastore import DataPath, Datastore, paths_of


class PromoteHeadersBehavior(Enum):
    """Where the names of columns are."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


_SQL = "read it with pandas.read_sql, then register_pandas_dataframe"
_PANDAS = "use to_pandas_dataframe()"
_ON_TABLES = dict.fromkeys(
    ("get_profile", "partition_by", "submit_profile", "to_dask_dataframe", "to_spark_dataframe"), _PANDAS
)


_OF_OUTPUTS = {
    "random_split": "register all of it, and split it later: Dataset.get_by_name(ws, name).random_split(0.8)",
    "add_to_model": "register the model with run.register_model(name, path)",
}


def _refuse_headers(header: Any) -> None:
    if header in (
        PromoteHeadersBehavior.ONLY_FIRST_FILE_HAS_HEADERS,
        PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS,
    ):
        refuse(f"header={header}", "give each file the same line of names, or none")


@translated()
class FileDataset(sdk_files.FileDataset, AbstractDataset):  # type: ignore[misc]  # Azure's parameters
    """Files that never change."""

    _lacking = "as_hdfs as_cache file_metadata"

    def __getitem__(self, name: str) -> Column:
        return Column(name)


@translated()
class TabularDataset(sdk_tables.TabularDataset, AbstractDataset):  # type: ignore[misc]  # Azure's parameters
    """A table that never changes; it is read where it is used."""

    _lacking = """as_cache get_profile get_profile_runs partition_by submit_profile to_dask_dataframe
    to_spark_dataframe"""
    _instead = _ON_TABLES

    def __getitem__(self, name: str) -> Column:
        return Column(name)

    def to_csv_files(self, separator: str = ",") -> FileDataset:
        """Return the table as it is now as a file of lines of values."""
        return FileDataset(super().to_csv_files(separator).files)

    def to_parquet_files(self) -> FileDataset:
        """Return the table as it is now as a Parquet file."""
        return FileDataset(super().to_parquet_files().files)

    def with_timestamp_columns(
        self,
        timestamp: str | None = None,
        partition_timestamp: str | None = None,
        validate: bool = False,
        fine_grain_timestamp: str | None = None,
        coarse_grain_timestamp: str | None = None,
    ) -> Self:
        """Return the same, with columns that say of a row when it was; the last two are older names of the first."""
        return super().with_timestamp_columns(
            timestamp or fine_grain_timestamp, partition_timestamp or coarse_grain_timestamp, validate
        )


@translated()
class OutputFileDatasetConfig(Refusing, data_outputs.OutputFileDatasetConfig):
    """A folder that a run fills, and that is kept when it has completed."""

    _lacking = "add_to_model random_split"
    _instead = _OF_OUTPUTS

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """Return what the last run that was submitted with this leaves, as an input of another."""
        given = super().as_input(name)
        return OutputConsumptionConfig(given.name, self, given.mode)

    def read_delimited_files(
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Any = None,
        encoding: str = "utf8",
    ) -> Self:
        """Return the same, as a table of lines of values; `path_glob`: of the files that this pattern fits."""
        _refuse_headers(header)
        return super().read_delimited_files(
            include_path, separator, header, partition_format, path_glob, set_column_types, encoding
        )


@translated()
class FileDatasetFactory:
    """Makes datasets of files: `Dataset.File`."""

    @staticmethod
    def from_files(
        path: Any, validate: bool = True, partition_format: str | None = None, is_file: bool = False
    ) -> FileDataset:
        """Return the files that paths in datastores mean, or that are at URLs, as they are now."""
        return with_paths_checked(FileDataset(files_at(path), partition_format=partition_format or ""))

    @staticmethod
    def upload_directory(
        src_dir: str, target: Any, pattern: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> FileDataset:
        """Upload a folder to a (datastore, path), and return what is there then."""
        from orris.sdk.data_folder import data_files
        from orris.sdk.data_selection import only

        there = _place(target)
        if pattern is None:
            return FileDataset(files_at(there.datastore.upload(src_dir, there.path_on_datastore, overwrite)))
        chosen = [Path(src_dir, path) for path in only(data_files(src_dir), pattern)]
        return FileDataset(files_at(there.datastore.upload_files(chosen, src_dir, there.path_on_datastore, overwrite)))


@translated()
class TabularDatasetFactory:
    """Makes datasets that are tables: `Dataset.Tabular`."""

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Any = None,
        separator: str = ",",
        header: Any = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Return the table that files with lines of values are, as they are now."""
        _refuse_headers(header)
        if not isinstance(infer_column_types, bool):
            refuse(f"infer_column_types={infer_column_types!r}", "give True or False, and set_column_types")
        table = table_options.delimited(
            separator,
            header,
            encoding,
            include_path,
            set_column_types,
            infer_types=infer_column_types,
            empty_is_text=empty_as_string,
            partition_format=partition_format,
        )
        return TabularDataset(from_table(path, table).files, table)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Any = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """Return the table that Parquet files are, as they are now."""
        table = table_options.parquet(include_path, set_column_types, partition_format)
        return TabularDataset(from_table(path, table).files, table)

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Any = None,
        partition_format: str | None = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Return the table that files with a JSON object a line are, as they are now."""
        if invalid_lines not in ("error", "drop"):
            refuse(f"invalid_lines={invalid_lines!r}", 'give "error" or "drop"')
        table = table_options.json_lines(
            include_path,
            encoding,
            set_column_types,
            skip_invalid_lines=invalid_lines == "drop",
            partition_format=partition_format,
        )
        return TabularDataset(from_table(path, table).files, table)

    @staticmethod
    def register_pandas_dataframe(
        dataframe: Any,
        target: Any,
        name: str,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        show_progress: bool = True,
        **_options: Any,
    ) -> TabularDataset:
        """Keep a DataFrame as Parquet in a (datastore, path), and register it."""
        there = _place(target)
        with tempfile.TemporaryDirectory(prefix="orris-data-") as folder:
            sdk_tables.write_parquet(dataframe, Path(folder) / f"{name}.parquet")
            path = there.datastore.upload(folder, there.path_on_datastore, overwrite=True)
        made = TabularDatasetFactory.from_parquet_files(path.path(f"{name}.parquet"))
        return made.register(there.datastore.workspace, name, description, tags, create_new_version=True)

    @staticmethod
    def from_sql_query(*_args: Any, **_options: Any) -> NoReturn:
        """Refuse: no database is reached."""
        refuse("Dataset.Tabular.from_sql_query", _SQL)

    @staticmethod
    def register_spark_dataframe(*_args: Any, **_options: Any) -> NoReturn:
        """Refuse: nothing runs on Spark."""
        refuse("Dataset.Tabular.register_spark_dataframe", "give register_pandas_dataframe its toPandas()")


class Scenario:
    """What a dataset may be to a model: `Dataset.Scenario`."""

    TRAINING = "training"
    VALIDATION = "validation"
    INFERENCING = "inferencing"


@translated()
class Dataset(Registered):
    """Datasets by name, and what makes them: `Dataset.File` and `Dataset.Tabular`."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory
    Scenario = Scenario


def _place(target: Any) -> DataPath:
    """Return where something is put: a (datastore, path), or one of its own in a datastore."""
    if isinstance(target, Datastore):
        return DataPath(target, f"managed-dataset/{uuid.uuid4()}")
    return paths_of(target)[0]
