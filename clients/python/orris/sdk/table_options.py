"""How files are read as a table, from what Azure's factories are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument

PATH_COLUMN = "Path"
# As Azure calls them -> as Python does.
_ENCODINGS = {
    "utf8": "",
    "utf-8": "",
    "utf8bom": "utf-8-sig",
    "iso88591": "iso-8859-1",
    "windows1252": "windows-1252",
}
_WORDS = ("string", "int", "float", "bool", "datetime")


def delimited(
    separator: str = ",",
    header: Any = True,
    encoding: str = "utf8",
    include_path: bool = False,
    types: Any = None,
    *,
    infer_types: bool = True,
    empty_is_text: bool = False,
    partition_format: str | None = None,
) -> Table:
    """Return how lines of values are read."""
    return Table(
        format=Table.FORMAT_DELIMITED,
        separator="" if separator == "," else separator,
        no_header=not _has_header(header),
        encoding=_encoding(encoding),
        all_text=not infer_types,
        empty_is_text=empty_is_text,
        **_of_any_format(include_path, types, partition_format),
    )


def parquet(include_path: bool = False, types: Any = None, partition_format: str | None = None) -> Table:
    """Return how Parquet is read."""
    return Table(format=Table.FORMAT_PARQUET, **_of_any_format(include_path, types, partition_format))


def json_lines(
    include_path: bool = False,
    encoding: str = "utf8",
    types: Any = None,
    *,
    skip_invalid_lines: bool = False,
    partition_format: str | None = None,
) -> Table:
    """Return how JSON lines are read."""
    return Table(
        format=Table.FORMAT_JSON_LINES,
        encoding=_encoding(encoding),
        skip_invalid_lines=skip_invalid_lines,
        **_of_any_format(include_path, types, partition_format),
    )


def _of_any_format(include_path: bool, types: Any, partition_format: str | None) -> dict[str, Any]:
    formats = {name: kind.formats for name, kind in dict(types or {}).items() if getattr(kind, "formats", ())}
    return {
        "path_column": PATH_COLUMN if include_path else "",
        "column_types": column_types(types),
        "time_formats": {str(name): Table.TimeFormats(formats=each) for name, each in formats.items()},
        "partition_format": partition_format or "",
    }


def _encoding(name: str) -> str:
    return _ENCODINGS.get(name, name)


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

    def __init__(self, word: str, formats: Sequence[str] = ()) -> None:
        self.word = word
        self.formats = formats

    @classmethod
    def to_string(cls) -> Self:
        """Return text."""
        return cls("string")

    @classmethod
    def to_long(cls) -> Self:
        """Return whole numbers."""
        return cls("int")

    @classmethod
    def to_float(cls, decimal_mark: str = ".") -> Self:
        """Return numbers. Raises InvalidArgument for other decimal marks than a point."""
        if decimal_mark != ".":
            message = f"decimal_mark: {decimal_mark!r} is not read; take to_string(), and convert it with pandas"
            raise InvalidArgument(message, field="decimal_mark")
        return cls("float")

    @classmethod
    def to_bool(cls) -> Self:
        """Return truth values."""
        return cls("bool")

    @classmethod
    def to_datetime(cls, formats: Any = None) -> Self:
        """Return moments, written as a format of Python's strptime, or the first of several that fits, says."""
        return cls("datetime", [formats] if isinstance(formats, str) else list(formats or ()))

    def __repr__(self) -> str:
        return f"DataType({self.word!r})"


def _has_header(header: Any) -> bool:
    """Tell whether files begin with names: of Azure's PromoteHeadersBehavior, NO_HEADERS alone (0) says no."""
    return header is None or (bool(header) and getattr(header, "value", header) != 0)
