"""The journal that a run writes: lines of JSON become events of the contract. Every line is hostile input."""

from __future__ import annotations

import json
import math
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from orris.errors import InvalidArgument
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_kit.address import Address

_TYPES = {
    "scalar": runs.MetricPoint.TYPE_SCALAR,
    "list": runs.MetricPoint.TYPE_LIST,
    "row": runs.MetricPoint.TYPE_ROW,
    "table": runs.MetricPoint.TYPE_TABLE,
    "artifact": runs.MetricPoint.TYPE_ARTIFACT,
}
_ENDS = {
    "Completed": runs.Run.STATE_COMPLETED,
    "Failed": runs.Run.STATE_FAILED,
    "Canceled": runs.Run.STATE_CANCELED,
}
_INT64 = range(-(2**63), 2**63)
_LONGEST_EXCERPT = 200


def parse(line: bytes, published: str | None = None) -> agents.RunEvent:
    """Return the event of one line; of a line that cannot be read, an `unreadable` event that says why.

    `published`: where others find what the run calls its address, when that is elsewhere.
    """
    try:
        fields = json.loads(line)
        event = _BUILDERS[fields["event"]](fields)
        if fields.get("child") is not None:
            event.child = _text(fields["child"])
        if published is not None and event.HasField("address"):
            event.address = published
        elif event.HasField("address"):
            _check_here(event.address)
        return event
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, InvalidArgument) as error:
        excerpt = line[:_LONGEST_EXCERPT].decode("utf-8", "replace")
        return agents.RunEvent(unreadable=f"{type(error).__name__}: {excerpt}")


def _metric(fields: dict[str, Any]) -> agents.RunEvent:
    point = runs.MetricPoint(metric=_text(fields["name"]), type=_TYPES[fields["type"]], time=_time(fields["time"]))
    if fields.get("step") is not None:
        point.step = _whole(fields["step"])
    if "cells" in fields:
        for column, value in fields["cells"].items():
            point.cells[_text(column)].CopyFrom(_value(value))
    else:
        point.value.CopyFrom(_value(fields["value"]))
    return agents.RunEvent(metric=point)


def _tag(fields: dict[str, Any]) -> agents.RunEvent:
    value = fields["value"]
    change = agents.RunEvent.TagChange(key=_text(fields["key"]), value="" if value is None else _text(value))
    return agents.RunEvent(tag=change)


def _untag(fields: dict[str, Any]) -> agents.RunEvent:
    return agents.RunEvent(tag=agents.RunEvent.TagChange(key=_text(fields["key"]), remove=True))


def _property(fields: dict[str, Any]) -> agents.RunEvent:
    change = agents.RunEvent.PropertyChange(key=_text(fields["key"]), value=_text(fields["value"]))
    return agents.RunEvent(property=change)


def _address(fields: dict[str, Any]) -> agents.RunEvent:
    address = Address.parse(_text(fields["value"]))
    if not address.port:
        raise ValueError("a replica answers at a port")
    return agents.RunEvent(address=str(address))


def _warning(fields: dict[str, Any]) -> agents.RunEvent:
    return agents.RunEvent(warning=_text(fields["text"]))


def _end(fields: dict[str, Any]) -> agents.RunEvent:
    end = agents.RunEvent.End(state=_ENDS[fields["state"]])
    if end.state == runs.Run.STATE_FAILED:
        end.error.code = runs.RunError.CODE_USER_PROGRAM
        end.error.message = _text(fields.get("message") or "the run failed, and gave no reason")
        end.error.label = _text(fields.get("label") or "")
    return agents.RunEvent(end=end)


def _check_here(address: str) -> None:
    """Accept an address on this machine only: others would be called with the replica's secret on a program's word."""
    if not Address.parse(address).stays_here:
        raise ValueError("a replica answers on this machine")


_BUILDERS = {
    "metric": _metric,
    "tag": _tag,
    "untag": _untag,
    "property": _property,
    "address": _address,
    "warning": _warning,
    "end": _end,
}


def _value(value: object) -> runs.MetricValue:
    if value is None:
        return runs.MetricValue()
    if isinstance(value, bool):
        return runs.MetricValue(boolean=value)
    if isinstance(value, int):
        return runs.MetricValue(integer=value) if value in _INT64 else runs.MetricValue(number=float(value))
    if isinstance(value, float):
        return runs.MetricValue(number=value)
    return runs.MetricValue(text=_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    value.encode("utf-8")  # lone surrogates cannot travel
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or value not in _INT64:
        raise TypeError("whole number expected")
    return int(value)


def _time(value: object) -> Timestamp:
    seconds = float(value)  # type: ignore[arg-type]  # what is no number raises, as it should
    if not math.isfinite(seconds) or not 0 <= seconds < 253402300800:  # year 10000: where Timestamp ends
        raise ValueError("time out of range")
    return Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
