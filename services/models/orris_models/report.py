"""A conversion's report, which the user's code could have written: nothing in it is believed unchecked."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

from orris_models.model import Column, Conversion, Parity, Signature, State

MAX_BYTES = 1 << 20
MAX_COLUMNS = 100_000
MAX_TEXT = 1000
MAX_COUNT = 1 << 40
TYPES = ("NUMBER", "INTEGER", "BOOLEAN", "TEXT")
METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
SOURCES = ("SAMPLE", "LEARNED")
VERDICTS = (State.VERIFIED, State.DIFFERENT, State.UNSUPPORTED)


class BadReport(Exception):
    """The report is not what the program writes."""


def parse(data: bytes) -> tuple[Signature, Conversion]:
    """Return what a report says. Raises BadReport."""
    if len(data) > MAX_BYTES:
        raise BadReport("it is larger than 1 MiB")
    try:
        found = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadReport("it is no JSON") from error
    report = _object(found, "the report")
    verdict = _text(report, "verdict")
    if verdict not in VERDICTS:
        raise BadReport(f"verdict is {verdict[:40]!r}")
    parity = tuple(_parity(each) for each in _list(report, "parity", len(METHODS)))
    if verdict == State.VERIFIED and (not parity or any(each.different for each in parity)):
        raise BadReport("it calls different answers verified")
    conversion = Conversion(
        State(verdict),
        message=_text(report, "message"),
        probe_source=_one_of(report, "probe_source", SOURCES),
        probe_count=_count(report, "probe_count"),
        parity=parity,
    )
    return _signature(_object(report.get("signature"), "signature")), conversion


def _signature(found: dict[str, Any]) -> Signature:
    columns = [_object(each, "inputs") for each in _list(found, "inputs", MAX_COLUMNS)]
    return Signature(
        estimator=_text(found, "estimator"),
        inputs=tuple(Column(_text(each, "name"), _one_of(each, "type", TYPES)) for each in columns),
        methods=tuple(_known_methods(_list(found, "methods", len(METHODS)))),
        accepts_nan=_truth(found, "accepts_nan"),
        one_dimensional=_truth(found, "one_dimensional"),
        classes_json=tuple(_json_text(each) for each in _list(found, "classes_json", MAX_COLUMNS)),
        framework_version=_text(found, "framework_version"),
    )


def _parity(value: object) -> Parity:
    found = _object(value, "parity")
    largest = found.get("max_absolute_difference")
    if not isinstance(largest, int | float) or not 0 <= largest <= sys.float_info.max:
        raise BadReport("max_absolute_difference is no number")
    compared, different = _count(found, "compared"), _count(found, "different")
    return Parity(_one_of(found, "method", METHODS), compared, different, float(largest))


def _known_methods(values: list[Any]) -> list[str]:
    if any(value not in METHODS for value in values) or len(set(values)) != len(values):
        raise BadReport("methods are not those of an estimator")
    return values


def _json_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise BadReport("a class is no JSON text")
    try:
        json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadReport("a class is no JSON") from error
    return value


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadReport(f"{what} is no object")
    return value


def _list(found: dict[str, Any], key: str, most: int) -> list[Any]:
    value = found.get(key)
    if not isinstance(value, list) or len(value) > most:
        raise BadReport(f"{key} is no list of at most {most}")
    return value


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\0" in value or not _encodes(value):
        raise BadReport(f"{key} is no text of at most {MAX_TEXT} characters")
    return value


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _one_of(found: dict[str, Any], key: str, known: tuple[str, ...]) -> str:
    value = _text(found, key)
    if value not in known:
        raise BadReport(f"{key} is {value[:40]!r}")
    return value


def _count(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    if type(value) is not int or not 0 <= value < MAX_COUNT:
        raise BadReport(f"{key} is no count")
    return value


def _truth(found: dict[str, Any], key: str) -> bool:
    value = found.get(key)
    if not isinstance(value, bool):
        raise BadReport(f"{key} is neither true nor false")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
