"""Azure's request format: `{"data": [...], "method": "predict"}`, read strictly and answered as a JSON list.

`data` is a list of rows, a list of objects by column name, one such object, or an object of lists by column name; for
models that take documents a list of texts.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from orris.errors import InvalidArgument
from orris_inference.signature import Column, ColumnType, Signature

NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: rows in the order of the model's columns (`columns`: their names), or documents."""

    method: str
    data: list[Any]
    columns: list[str] | None


def parse(body: bytes, signature: Signature) -> Call:
    """Return the call that a body asks for. Raises InvalidArgument that names what is wrong, by row and column."""
    request = _json(body)
    if not isinstance(request, dict) or "data" not in request:
        raise InvalidArgument('the body must be a JSON object: {"data": [[...]], "method": "predict"}', field="data")
    method = _method(request.get("method"), signature)
    if signature.one_dimensional:
        return Call(method, _documents(request["data"]), None)
    rows, columns = rows_in(request["data"], signature)
    _check(rows, signature)
    return Call(method, rows, columns)


def encode(result: Any) -> bytes:
    """Return an answer as JSON. JSON knows no NaN and no infinity: they become null."""
    try:
        return json.dumps(result, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        return json.dumps(_without_nan(result), separators=(",", ":")).encode()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, json.JSONDecodeError) else "nested too deeply, or not UTF-8"
        raise InvalidArgument(f"the body is not JSON: {what}", field="body") from error


def _method(wanted: Any, signature: Signature) -> str:
    if wanted is None:
        return signature.methods[0]
    if wanted not in signature.methods:
        message = f"method: {str(wanted)[:100]!r} is none of this model's: {', '.join(signature.methods)}"
        raise InvalidArgument(message, field="method")
    return str(wanted)


def _documents(data: Any) -> list[Any]:
    if isinstance(data, str):
        raise InvalidArgument('data must be a list of texts: write ["..."] for one', field="data")
    if not isinstance(data, list) or not data:
        raise InvalidArgument("data must be a list of texts, at least one", field="data")
    for index, item in enumerate(data):
        if not isinstance(item, str):
            raise InvalidArgument(f"data, row {index}: must be a text, not {_kind(item)}", field="data")
    return data


def rows_in(data: Any, signature: Signature) -> tuple[list[Any], list[str] | None]:
    """Return the rows in the order of the columns, and the columns' names where they have some."""
    names = signature.names
    if isinstance(data, dict):
        data = _records_of(data)
    if not isinstance(data, list) or not data:
        raise InvalidArgument("data must be a list of rows, at least one", field="data")
    if isinstance(data[0], dict):
        return _ordered(data, names, signature)
    for index, row in enumerate(data):
        if not isinstance(row, list):
            hint = "; write [[...]] for one row" if index == 0 else ""
            raise InvalidArgument(f"data, row {index}: must be a list of values, not {_kind(row)}{hint}", field="data")
    return data, names


def _records_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of one object: a single row, or columns by name."""
    if not any(isinstance(value, list) for value in data.values()):
        return [data]
    lengths = {len(value) if isinstance(value, list) else -1 for value in data.values()}
    if len(lengths) != 1 or lengths == {-1}:
        raise InvalidArgument("data: all columns must be lists of the same length", field="data")
    return [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]


def _ordered(
    data: list[Any], names: list[str] | None, signature: Signature
) -> tuple[list[list[Any]], list[str] | None]:
    if names is None and signature.columns is not None:
        raise InvalidArgument("data: the model was fitted without column names; send lists of values", field="data")
    wanted = names or list(data[0])
    expected = set(wanted)
    for index, row in enumerate(data):
        if not isinstance(row, dict):
            raise InvalidArgument(f"data, row {index}: must be an object like row 0, not {_kind(row)}", field="data")
        if row.keys() != expected:
            missing = [name for name in wanted if name not in row]
            unknown = [name for name in row if name not in expected]
            wrong = f"lacks {_listed(missing)}" if missing else f"has {_listed(unknown)}, which the model does not know"
            raise InvalidArgument(f"data, row {index}: {wrong}", field="data")
    return [[row[name] for name in wanted] for row in data], wanted


def _check(rows: list[list[Any]], signature: Signature) -> None:
    columns = signature.columns
    width = len(columns) if columns is not None else len(rows[0])
    plain = columns is not None and all(column.type is ColumnType.NUMBER for column in columns)
    for index, row in enumerate(rows):
        if len(row) != width:
            what = f"has {len(row)} values, the model takes {width}" if columns else "has another length than row 0"
            raise InvalidArgument(f"data, row {index}: {what}", field="data")
        # Most rows are plain numbers: told by three calls instead of one for each value.
        if plain and set(map(type, row)) <= {int, float} and _all_finite(row):
            continue
        for position, value in enumerate(row):
            column = columns[position] if columns else Column("", ColumnType.ANY)
            wrong = _wrong(value, column.type, signature.accepts_nan)
            if wrong:
                where = f"column {position}" + (f" ({column.name})" if column.name else "")
                raise InvalidArgument(f"data, row {index}, {where}: {wrong}", field="data")


def _all_finite(row: list[Any]) -> bool:
    try:
        return all(map(math.isfinite, row))
    except OverflowError:
        return False


def _wrong(value: Any, wanted: ColumnType, accepts_nan: bool) -> str | None:
    """Say what is wrong with a value; None: nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None if accepts_nan else "a value is missing, and the model does not take missing values"
    if isinstance(value, (dict, list)):
        return f"must be a single value, not {_kind(value)}"
    if isinstance(value, float) and math.isinf(value) and not accepts_nan:
        return "must be finite"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**1023:
        return "the number is too large"
    if wanted is ColumnType.INTEGER and isinstance(value, float) and not value.is_integer():
        # A converted encoder would cut it to a whole number without a word.
        return "must be a whole number, as all were when the model was fitted"
    if wanted is ColumnType.TEXT:
        return None if isinstance(value, str) else f"must be text, not {_kind(value)}"
    if wanted in (ColumnType.NUMBER, ColumnType.INTEGER, ColumnType.BOOLEAN) and isinstance(value, str):
        return f"must be a {'truth value' if wanted is ColumnType.BOOLEAN else 'number'}, not the text {value[:50]!r}"
    return None


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name[:100]) for name in names[:NAMES_SHOWN])
    return shown + (f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else "")


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
