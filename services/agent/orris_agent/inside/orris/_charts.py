"""Metrics that are charts: JSON with `schema_type`, `schema_version` and `data`, kept as a file of the run."""

import json

from ._exceptions import UserErrorException
from ._values import plain

SCHEMA_TYPES = {
    "accuracy table": "accuracy_table",
    "confusion matrix": "confusion_matrix",
    "residuals": "residuals",
    "predictions": "predictions",
}


def render(kind: str, value) -> str:
    """Return the JSON text of a chart given as such a dict or text. Raises UserErrorException when it is none."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UserErrorException("the %s is not JSON: %s" % (kind, error)) from error
    if not hasattr(value, "keys"):
        raise UserErrorException("the %s must be a dict or JSON text, not a %s" % (kind, type(value).__name__))
    missing = [key for key in ("schema_type", "schema_version", "data") if key not in value]
    if missing:
        raise UserErrorException("the %s lacks %s" % (kind, ", ".join(missing)))
    if value["schema_type"] != SCHEMA_TYPES[kind]:
        raise UserErrorException(
            "schema_type of the %s must be %r, not %r" % (kind, SCHEMA_TYPES[kind], value["schema_type"])
        )
    try:
        return json.dumps(dict(value), default=plain)
    except (TypeError, ValueError) as error:
        raise UserErrorException("the %s cannot be written as JSON: %s" % (kind, error)) from error
