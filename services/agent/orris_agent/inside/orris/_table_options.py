"""How files are read as a table: as `orris.sdk.table_options` has it where runs are submitted."""

from enum import Enum

from ._exceptions import UserErrorException

_ENCODINGS = {
    "utf8": "",
    "utf-8": "",
    "utf8bom": "utf-8-sig",
    "iso88591": "iso-8859-1",
    "windows1252": "windows-1252",
}
_WORDS = ("string", "int", "float", "bool", "datetime")


class PromoteHeadersBehavior(Enum):
    """Where the names of columns are."""

    NO_HEADERS = 0
    ONLY_FIRST_FILE_HAS_HEADERS = 1
    COMBINE_ALL_FILES_HEADERS = 2
    ALL_FILES_HAVE_SAME_HEADERS = 3


class DataType:
    """The type of a column: `DataType.to_string()` and so on."""

    def __init__(self, word: str, formats=()) -> None:
        self.word = word
        self.formats = formats

    @staticmethod
    def to_string() -> "DataType":
        """Return text."""
        return DataType("string")

    @staticmethod
    def to_long() -> "DataType":
        """Return whole numbers."""
        return DataType("int")

    @staticmethod
    def to_float(decimal_mark=".") -> "DataType":
        """Return numbers."""
        if decimal_mark != ".":
            raise UserErrorException("decimal_mark: %r is not read; take to_string()" % (decimal_mark,))
        return DataType("float")

    @staticmethod
    def to_bool() -> "DataType":
        """Return truth values."""
        return DataType("bool")

    @staticmethod
    def to_datetime(formats=None) -> "DataType":
        """Return moments, written as a format of Python's strptime, or the first of several that fits, says."""
        return DataType("datetime", [formats] if isinstance(formats, str) else list(formats or ()))

    @staticmethod
    def to_stream(*args, **kwargs):
        """Refuse: paths are text."""
        raise UserErrorException("DataType.to_stream: keep the paths as text, to_string(), and open the files yourself")


def delimited(separator, header, encoding, include_path, types, infer_types, empty_is_text) -> dict:
    """Return how lines of values are read."""
    one = (PromoteHeadersBehavior.ONLY_FIRST_FILE_HAS_HEADERS, PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS)
    if header in one:
        raise UserErrorException("header: %s is not read: give each file the same line of names, or none" % header)
    return dict(
        _of_any_format("FORMAT_DELIMITED", include_path, types),
        separator="" if separator == "," else separator,
        no_header=header in (False, PromoteHeadersBehavior.NO_HEADERS),
        encoding=_ENCODINGS.get(encoding, encoding),
        all_text=not infer_types,
        empty_is_text=empty_is_text,
    )


def parquet(include_path, types) -> dict:
    """Return how Parquet is read."""
    return _of_any_format("FORMAT_PARQUET", include_path, types)


def json_lines(include_path, encoding, types, skip_invalid_lines) -> dict:
    """Return how JSON lines are read."""
    return dict(
        _of_any_format("FORMAT_JSON_LINES", include_path, types),
        encoding=_ENCODINGS.get(encoding, encoding),
        skip_invalid_lines=skip_invalid_lines,
    )


def _of_any_format(name: str, include_path, types) -> dict:
    words = {str(column): getattr(kind, "word", kind) for column, kind in dict(types or {}).items()}
    for word in words.values():
        if word not in _WORDS:
            raise UserErrorException("column_types: %r is no type of a column" % (word,))
    formats = {str(column): kind.formats for column, kind in dict(types or {}).items() if getattr(kind, "formats", ())}
    return {
        "format": name,
        "path_column": "Path" if include_path else "",
        "column_types": words,
        "time_formats": {column: {"formats": each} for column, each in formats.items()},
    }
