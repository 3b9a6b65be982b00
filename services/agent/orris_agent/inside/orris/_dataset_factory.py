"""Datasets of files of the web inside a run: what is there is fetched by the program, as it is now."""

from ._data import FileDataset, new_folder
from ._exceptions import UserErrorException
from ._placeholder import PlaceholderType, explain


class FileDatasetFactory(metaclass=PlaceholderType):
    """Makes datasets of files: `Dataset.File`."""

    @staticmethod
    def from_files(path, validate=True, partition_format=None, is_file=False) -> FileDataset:
        """Return the files at http or https URLs."""
        _refuse(partition_format)
        return FileDataset(_at(path, "Dataset.File.from_files"), _unregistered(None))


class TabularDatasetFactory(metaclass=PlaceholderType):
    """Makes datasets that are tables: `Dataset.Tabular`."""

    @staticmethod
    def from_delimited_files(
        path,
        validate=True,
        include_path=False,
        infer_column_types=True,
        set_column_types=None,
        separator=",",
        header=True,
        partition_format=None,
        support_multi_line=False,
        empty_as_string=False,
        encoding="utf8",
    ):
        """Return the table that files with lines of values at http or https URLs are."""
        from ._table_options import delimited

        types, infer = set_column_types, bool(infer_column_types)
        table = delimited(separator, header, encoding, include_path, types, infer, empty_as_string)
        return _table(path, table, partition_format, "Dataset.Tabular.from_delimited_files")

    @staticmethod
    def from_parquet_files(path, validate=True, include_path=False, set_column_types=None, partition_format=None):
        """Return the table that Parquet files at http or https URLs are."""
        from ._table_options import parquet

        table = parquet(include_path, set_column_types)
        return _table(path, table, partition_format, "Dataset.Tabular.from_parquet_files")

    @staticmethod
    def from_json_lines_files(
        path,
        validate=True,
        include_path=False,
        set_column_types=None,
        partition_format=None,
        invalid_lines="error",
        encoding="utf8",
    ):
        """Return the table that files with a JSON object a line at http or https URLs are."""
        from ._table_options import json_lines

        table = json_lines(include_path, encoding, set_column_types, invalid_lines == "drop")
        return _table(path, table, partition_format, "Dataset.Tabular.from_json_lines_files")


def _table(path, table: dict, partition_format, name: str):
    from ._tables import TabularDataset

    _refuse(partition_format)
    return TabularDataset(_at(path, name), _unregistered(table))


def _at(path, name: str) -> str:
    """Return the folder with the files that URLs name; of datastores, a program knows nothing."""
    urls = [path] if isinstance(path, str) else list(path) if isinstance(path, (list, tuple)) else []
    if not urls or not all(isinstance(url, str) and url.lower().startswith(("http://", "https://")) for url in urls):
        raise explain("%s of anything but http and https URLs" % name)
    from ._web_files import fetched

    folder = new_folder()
    fetched(urls, folder)
    return folder


def _refuse(partition_format) -> None:
    if partition_format:
        raise UserErrorException("partition_format: is for where runs are submitted; leave it out inside a run")


def _unregistered(table) -> dict:
    return {"id": "", "dataset": "", "table": table, "partition": None}
