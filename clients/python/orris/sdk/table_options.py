"""How files are read as a table, from what Azure's factories are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument

PATH_COLUMN = "Path"
_WORDS = ("string", "int", "float", "bool", "datetime")


def delimited(
    separator: str = ",", header: Any = True, encoding: str = "utf8", include_path: bool = False, types: Any = None
) -> Table:
    """Return how lines of values are read."""
    return Table(
        format=Table.FORMAT_DELIMITED,
        separator="" if separator == "," else separator,
        no_header=not _has_header(header),
        encoding="" if encoding in ("utf8", "utf-8") else encoding,
        path_column=PATH_COLUMN if include_path else "",
        column_types=column_types(types),
    )


def parquet(include_path: bool = False, types: Any = None) -> Table:
    """Return how Parquet is read."""
    path = PATH_COLUMN if include_path else ""
    return Table(format=Table.FORMAT_PARQUET, path_column=path, column_types=column_types(types))


def json_lines(include_path: bool = False, encoding: str = "utf8", types: Any = None) -> Table:
    """Return how JSON lines are read."""
    return Table(
        format=Table.FORMAT_JSON_LINES,
        encoding="" if encoding in ("utf8", "utf-8") else encoding,
        path_column=PATH_COLUMN if include_path else "",
        column_types=column_types(types),
    )


def column_types(types: Any) -> dict[str, str]:
    """Return types by column, of `DataType`s or of Orris's words for them. Raises InvalidArgument."""
    found: dict[str, str] = {}
    for column, kind in dict(types or {}).items() if isinstance(types, Mapping | None) else ():
        word = getattr(kind, "word", kind)
        if word not in _WORDS:
            raise InvalidArgument(f"column_types: {kind!r} is no type of a column", field="column_types")
        found[str(column)] = str(word)
    return found


class DataType:
    """The type of a column: `DataType.to_string()` and so on."""

    def __init__(self, word: str) -> None:
        self.word = word

    @staticmethod
    def to_string() -> DataType:
        """Return text."""
        return DataType("string")

    @staticmethod
    def to_long() -> DataType:
        """Return whole numbers."""
        return DataType("int")

    @staticmethod
    def to_float(decimal_mark: str = ".") -> DataType:
        """Return numbers."""
        return DataType("float")

    @staticmethod
    def to_bool() -> DataType:
        """Return truth values."""
        return DataType("bool")

    @staticmethod
    def to_datetime(formats: Any = None) -> DataType:
        """Return moments."""
        return DataType("datetime")

    def __repr__(self) -> str:
        return f"DataType({self.word!r})"


def _has_header(header: Any) -> bool:
    """Tell whether files begin with names: of Azure's PromoteHeadersBehavior, NO_HEADERS alone (0) says no."""
    return header is None or (bool(header) and getattr(header, "value", header) != 0)
