"""What a run uses, as its supervisor has looked at it. In a container the run may have written anything there."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.beneath import Beneath
from orris_agent.exits import Exit
from orris_agent.folder import USAGE

LOOK_SECONDS = 10.0  # between looks for new samples: they are for people, not for programs that wait
_CHUNK = 64 * 1024
_MOST_SAMPLES = 1000
_MOST_BYTES = 4 * 1024 * 1024  # of a file: decades
_INT64 = 2**63
_SLACK = 60.0  # seconds that a clock may have been set back meanwhile


class UsageFile:
    """The samples of one run. The server passes over what it has, so a restarted agent begins at the beginning."""

    def __init__(self, folder: Beneath) -> None:
        self._folder = folder
        self._offset = 0
        self._next_look = time.monotonic() + LOOK_SECONDS

    def next(self, last: bool) -> list[runs.UsageSample]:
        """Return what is new, if it is time to look: with `last` it is."""
        if time.monotonic() < self._next_look and not last:
            return []
        while lines := self._lines():
            if samples := [sample for line in lines if (sample := _sample(line)) is not None]:
                return samples
        self._next_look = time.monotonic() + LOOK_SECONDS
        return []

    @property
    def is_at_end(self) -> bool:
        """Whether all of it has been taken up."""
        return not _read(self._folder, self._offset)

    def _lines(self) -> list[bytes]:
        if self._offset >= _MOST_BYTES:
            return []
        data = _read(self._folder, self._offset)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == _CHUNK:
            end = _CHUNK  # no line of ours is that long
        lines = data[:end].splitlines(keepends=True)[:_MOST_SAMPLES]
        self._offset += sum(map(len, lines))
        return lines


def used(ended: Exit) -> runs.RunUsage:
    """Return what a run used, as the record of its end says."""
    return runs.RunUsage(
        cpu_seconds=ended.cpu_seconds, max_memory_bytes=max(ended.max_memory_bytes, ended.max_rss_bytes)
    )


def last_used(folder: Beneath) -> runs.RunUsage | None:
    """Return what a run whose end was not recorded had used when it was looked at last; None where it never was."""
    found: list[runs.UsageSample] = []
    offset = 0
    while offset < _MOST_BYTES and (data := _read(folder, offset)):
        lines = data[: data.rfind(b"\n") + 1 or len(data)]
        offset += len(lines)
        found += filter(None, map(_sample, lines.splitlines()))
    if not found:
        return None
    return runs.RunUsage(
        cpu_seconds=max(sample.cpu_seconds for sample in found),
        max_memory_bytes=max(sample.memory_bytes for sample in found),
    )


def _read(folder: Beneath, offset: int) -> bytes:
    try:
        return folder.read(USAGE, offset, _CHUNK)
    except OSError:  # not there yet, or no file of the run
        return b""


def _sample(line: bytes) -> runs.UsageSample | None:
    """Return the sample of a line, None where there is none in it."""
    try:
        fields = json.loads(line)
        moment, seconds, memory = (_number(fields[name]) for name in ("time", "cpu_seconds", "memory_bytes"))
        sample = runs.UsageSample(cpu_seconds=seconds, memory_bytes=int(memory))
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    if moment > time.time() + _SLACK or memory >= _INT64:
        return None
    sample.time.FromMicroseconds(round(moment * 1e6))
    return sample


def _number(value: Any) -> float:
    number = float(value)
    if math.isfinite(number) and number >= 0:
        return number
    raise ValueError("no time, nor an amount of anything")
