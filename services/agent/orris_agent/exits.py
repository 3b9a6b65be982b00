"""exit.json: how a run ended. A container may have written anything there."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from orris_agent.beneath import Beneath

EXIT_RECORD = "exit.json"

_LARGEST = 64 * 1024
_LONGEST_MESSAGE = 4000
_REASONS = {None, "canceled", "time_limit", "lease_lost", "out_of_memory", "start_failed", "lost"}
_YEAR_10000 = 253402300800.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a run ended.

    Neither `exit_code` nor `signal` is set when the main process was never started.
    `reason` is None when the main process ended by itself, else canceled, time_limit, lease_lost, out_of_memory (more
    than a process was given), start_failed or lost (nobody knows how it ended). Times are unix seconds;
    `max_rss_bytes` is that of the largest process, `max_memory_bytes` the most that was seen of all together,
    `cpu_seconds` the sum over all.
    `out_of_memory`: the kernel ended processes of its container because its memory was used up.
    """

    exit_code: int | None
    signal: int | None
    reason: str | None
    message: str
    start_time: float
    end_time: float
    max_rss_bytes: int
    cpu_seconds: float
    out_of_memory: bool = False
    max_memory_bytes: int = 0


def read_exit(folder: Beneath) -> Exit | None:
    """Return how the run that writes `folder` ended; None while that is not recorded, or where it is not readable."""
    try:
        content = folder.read(EXIT_RECORD, 0, _LARGEST + 1)
        fields = json.loads(content) if len(content) <= _LARGEST else None
        return _exit(fields)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def _exit(fields: Any) -> Exit:
    if fields["reason"] not in _REASONS:
        raise ValueError("no reason that a supervisor gives")
    return Exit(
        exit_code=_code(fields["exit_code"], 255),
        signal=_code(fields["signal"], 127),
        reason=fields["reason"],
        message=str(fields["message"])[:_LONGEST_MESSAGE].encode("utf-8", "replace").decode(),
        start_time=_number(fields["start_time"]),
        end_time=_number(fields["end_time"]),
        max_rss_bytes=_size(fields["max_rss_bytes"]),
        cpu_seconds=_number(fields["cpu_seconds"]),
        out_of_memory=bool(fields.get("out_of_memory")),
        max_memory_bytes=_size(fields.get("max_memory_bytes", 0)),
    )


def _code(value: object, most: int) -> int | None:
    if value is None:
        return None
    if type(value) is int and 0 <= value <= most:
        return value
    raise ValueError("no exit code or signal")


def _number(value: Any) -> float:
    number = float(value)
    if math.isfinite(number) and 0 <= number < _YEAR_10000:
        return number
    raise ValueError("no time")


def _size(value: Any) -> int:
    size = int(value)
    if 0 <= size < 2**63:
        return size
    raise ValueError("no size")
