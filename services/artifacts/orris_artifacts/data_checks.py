"""What may be registered as a dataset."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from orris.errors import InvalidArgument
from orris_kit.text import check_text, is_text

REASON = "INVALID_DATASET"
MAX_DESCRIPTION = 4096
MAX_TAGS, MAX_KEY, MAX_VALUE = 50, 255, 1000
MAX_FORMATS, MAX_FORMAT = 20, 100
MAX_STEPS, MAX_COLUMNS, MAX_COLUMN = 100, 10_000, 255
MAX_DEFINITION_BYTES = 1 << 20
MAX_PARTITION_FORMAT = 1024
OF_TEXT = ("OPERATOR_STARTS_WITH", "OPERATOR_ENDS_WITH", "OPERATOR_CONTAINS")
COLUMN_TYPES = ("string", "int", "float", "bool", "datetime")


def check_labels(description: str, tags: Mapping[str, str]) -> None:
    """Raise InvalidArgument (INVALID_DATASET) when a description or tags are too long."""
    check_text("description", description, MAX_DESCRIPTION, reason=REASON)
    if len(tags) > MAX_TAGS:
        _refuse("tags", f"are {len(tags)}, at most {MAX_TAGS} are kept")
    for key, value in tags.items():
        if not (key and is_text(key, MAX_KEY)):
            _refuse("tags", f"keys have 1 to {MAX_KEY} characters, and no NUL: not {key[:40]!r}")
        if not is_text(value, MAX_VALUE):
            _refuse("tags", f"the value of {key[:40]!r} is longer than {MAX_VALUE} characters, or has a NUL")


def check_table(table: Mapping[str, Any], size: int) -> None:
    """Raise InvalidArgument (INVALID_DATASET) when files cannot be read as a definition of `size` bytes says."""
    if size > MAX_DEFINITION_BYTES:
        _refuse("table", "is larger than 1 MiB; keep fewer steps or columns")
    if not isinstance(table.get("format"), str):  # else it is none that is known
        _refuse("table.format", "say what the files are: DELIMITED, PARQUET or JSON_LINES")
    separator = table.get("separator", "")
    if len(separator) > 1 or separator in ("\0", "\n", "\r"):
        _refuse("table.separator", f"is one character that ends no line, not {separator[:10]!r}")
    _check_encoding(table.get("encoding", ""))
    for name in ("path_column", "timestamp_column", "partition_timestamp_column"):
        _check_columns(f"table.{name}", filter(None, [table.get(name, "")]))
    types = table.get("column_types", {})
    _check_columns("table.column_types", types)
    for column, kind in types.items():
        if kind not in COLUMN_TYPES:
            _refuse("table.column_types", f"{column[:40]!r} is {kind[:40]!r}; types are {', '.join(COLUMN_TYPES)}")
    _check_time_formats(table.get("time_formats", {}), types)
    steps = table.get("steps", [])
    if len(steps) > MAX_STEPS:
        _refuse("table.steps", f"are {len(steps)}, at most {MAX_STEPS}; register what is left as files")
    for step in steps:
        _check_step(step)


def check_partition_format(text: str) -> None:
    """Raise InvalidArgument (INVALID_DATASET) for a format of paths that is too long."""
    check_text("partition_format", text, MAX_PARTITION_FORMAT, reason=REASON)


def _check_time_formats(formats: Mapping[str, Any], types: Mapping[str, str]) -> None:
    for column, found in formats.items():
        if types.get(column) != "datetime":
            _refuse("table.time_formats", f"{column[:40]!r} is no column of the type datetime")
        texts = found.get("formats", [])
        if not 0 < len(texts) <= MAX_FORMATS or not all(text and is_text(text, MAX_FORMAT) for text in texts):
            _refuse("table.time_formats", f"1 to {MAX_FORMATS} formats of up to {MAX_FORMAT} characters a column")


def _check_step(step: Mapping[str, Any]) -> None:
    if not step:
        _refuse("table.steps", "a step does something: take, skip, keep_columns, drop_columns, sample or filter")
    for name in ("take", "skip"):
        if step.get(name, 0) < 0:
            _refuse(f"table.steps.{name}", "is a number of rows, from 0")
    for name in ("keep_columns", "drop_columns"):
        if name in step:
            _check_columns(f"table.steps.{name}", step[name].get("names", []))
    if "sample" in step:
        low, high = step["sample"]["low"], step["sample"]["high"]
        if not (_is_number(low) and _is_number(high) and 0 <= low <= high <= 1):
            _refuse("table.steps.sample", "goes from `low` to `high`, both from 0 to 1")

    if "filter" in step:
        _check_condition(step["filter"])


def _check_condition(condition: Mapping[str, Any]) -> None:
    """Refuse what says nothing, somewhere in it; how deep it may be is protobuf's to say."""
    if "negated" in condition:
        _check_condition(condition["negated"])
    elif "compare" in condition:
        _check_comparison(condition["compare"])
    else:
        several = (condition.get("all") or condition.get("any") or {}).get("conditions", [])
        if not several:
            _refuse("table.steps.filter", "a condition compares a column, or is made of conditions")
        for each in several:
            _check_condition(each)


def _check_comparison(comparison: Mapping[str, Any]) -> None:
    _check_columns("table.steps.filter.column", [comparison.get("column", "")])
    operator = comparison.get("operator")
    values = [comparison[kind] for kind in ("text", "number", "truth", "time") if kind in comparison]
    if not isinstance(operator, str) or bool(values) == (operator == "OPERATOR_MISSING"):
        _refuse("table.steps.filter", "say how the column is compared, and what with; MISSING compares with nothing")
    if operator in OF_TEXT and "text" not in comparison:
        _refuse("table.steps.filter", "STARTS_WITH, ENDS_WITH and CONTAINS compare with a text")
    if "number" in comparison and not _is_number(comparison["number"]):
        _refuse("table.steps.filter.number", "is a number")


def _is_number(value: Any) -> bool:
    """Tell whether it is one: what is none is a text in protobuf's JSON."""
    return isinstance(value, float | int)


def _check_columns(field: str, names: Iterable[str]) -> None:
    names = list(names)
    if len(names) > MAX_COLUMNS:
        _refuse(field, f"at most {MAX_COLUMNS} columns")
    for name in names:
        if not (name and is_text(name, MAX_COLUMN)):
            _refuse(field, f"a column's name has 1 to {MAX_COLUMN} characters, and no NUL: not {name[:40]!r}")


def _check_encoding(encoding: str) -> None:
    try:
        known = not encoding or codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError):
        known = False
    if not known:
        _refuse("table.encoding", f"Python knows no text encoding {encoding[:40]!r}")


def _refuse(field: str, problem: str) -> NoReturn:
    raise InvalidArgument(f"{field}: {problem}", field=field, reason=REASON)
