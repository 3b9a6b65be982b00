"""How states and times are written for people: as Azure writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp


def spell(enum: EnumDescriptor, number: int, prefix: str = "STATE_") -> str:
    """Return an enum's value in camel case: STATE_CANCEL_REQUESTED is "CancelRequested"; an unknown one its number."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    return "".join(word.capitalize() for word in value.name.removeprefix(prefix).split("_"))


def moment(timestamp: Timestamp) -> datetime | None:
    """Return the time, None where it is not set."""
    if not timestamp.seconds and not timestamp.nanos:
        return None
    return timestamp.ToDatetime(tzinfo=UTC)


def utc_text(timestamp: Timestamp) -> str | None:
    """Return the time as Azure writes it, `2026-01-31T12:00:00.123456Z`; None where it is not set."""
    return moment_text(moment(timestamp))


def moment_text(time: datetime | None) -> str | None:
    """Return a time in UTC as Azure writes it; None for None."""
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
