"""Metrics that are charts: JSON with `schema_type`, `schema_version` and `data`, kept as a file of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orris.errors import InvalidArgument


def chart(schema_type: str, value: Any) -> bytes:
    """Return the JSON of a chart given as a dict or text. Raises InvalidArgument when it is not of that type."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidArgument(f"value: the {schema_type} is not JSON: {error}", field="value") from error
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise InvalidArgument(f"value: the {schema_type} must be a dict or JSON text, not a {kind}", field="value")
    missing = [key for key in ("schema_type", "schema_version", "data") if key not in value]
    if missing:
        raise InvalidArgument(f"value: the {schema_type} lacks {', '.join(missing)}", field="value")
    if value["schema_type"] != schema_type:
        message = f"value: schema_type must be {schema_type!r}, not {value['schema_type']!r}"
        raise InvalidArgument(message, field="value")
    try:
        return json.dumps(dict(value), default=_plain).encode()
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"value: the {schema_type} cannot be written as JSON: {error}", field="value") from error


def _plain(value: Any) -> Any:
    """Return arrays as lists, scalars as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is none of JSON's values")
