"""What may be registered."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from orris.errors import InvalidArgument
from orris_kit.text import check_text, is_text
from orris_models.model import Draft, Framework

REASON = "INVALID_MODEL"
MAX_LABELS = 100
MAX_KEY = 255
MAX_VALUE = 8192
MAX_DESCRIPTION = 8192
MAX_SAMPLE_BYTES = 1 << 20


def check_draft(draft: Draft) -> None:
    """Raise InvalidArgument (INVALID_MODEL) that names the field which cannot be used."""
    if draft.framework_version and draft.framework is Framework.CUSTOM:
        _refuse("model_version.framework_version", "is given without a framework; set model_version.framework too")
    check_text("model_version.framework_version", draft.framework_version, MAX_KEY, reason=REASON)
    if not (draft.run or draft.tree):
        _refuse("model_version.run", "set run, or tree with uploaded files")
    check_description(draft.description)
    check_labels("model_version.tags", draft.tags)
    check_labels("model_version.properties", draft.properties)
    check_sample(draft.sample_input_json)
    resources = draft.resources
    if resources and not all(math.isfinite(x) and x >= 0 for x in (resources.cpu, resources.memory_gib, resources.gpu)):
        _refuse("model_version.resource_configuration", "must not be negative")


def check_description(text: str) -> None:
    """Raise InvalidArgument when a description is too long."""
    check_text("model_version.description", text, MAX_DESCRIPTION, reason=REASON)


def check_labels(field: str, labels: Mapping[str, str]) -> None:
    """Raise InvalidArgument when there are too many tags or properties, or one is too long."""
    if len(labels) > MAX_LABELS:
        _refuse(field, f"are {len(labels)}, at most {MAX_LABELS} are kept")
    for key, value in labels.items():
        if not (key and is_text(key, MAX_KEY)):
            _refuse(field, f"keys have 1 to {MAX_KEY} characters, and no NUL: not {key[:40]!r}")
        if not is_text(value, MAX_VALUE):
            _refuse(field, f"the value of {key[:40]!r} is longer than {MAX_VALUE} characters, or has a NUL")


def check_sample(text: str) -> None:
    """Raise InvalidArgument when a sample is no list of rows, objects or texts."""
    field = "model_version.sample_input_json"
    if not text:
        return
    if len(text.encode()) > MAX_SAMPLE_BYTES:
        _refuse(field, "is larger than 1 MiB; some rows are enough")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        _refuse(field, "is no JSON")
    if not (isinstance(rows, list) and rows):
        _refuse(field, "must be a list of rows, or of objects by column name")
    kind = type(rows[0])
    if kind not in (list, dict, str) or any(type(row) is not kind for row in rows):
        _refuse(field, "must hold rows of one kind: lists, objects by column name, or texts")
    if kind is list and (not rows[0] or any(len(row) != len(rows[0]) for row in rows)):
        _refuse(field, "must hold rows of the same length")


def _refuse(field: str, problem: str) -> None:
    raise InvalidArgument(f"{field}: {problem}", field=field, reason=REASON)
