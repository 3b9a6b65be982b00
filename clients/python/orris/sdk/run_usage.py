"""What a run uses of its machine, as its agent has looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orris.runs.v1 import runs_service_pb2
from orris.sdk.spelling import moment

if TYPE_CHECKING:
    from orris.sdk.run import Run


@dataclass(frozen=True)
class UsageSample:
    """What a run used at one time (UTC), all its processes together.

    `cpus`: processors it kept busy since the sample before; `memory_bytes`: the most memory since then;
    `cpu_seconds`: what processors have worked for it since it began.
    """

    time: datetime
    cpus: float
    memory_bytes: int
    cpu_seconds: float


def fetch(run: Run) -> list[UsageSample]:
    """Return the samples of a run in the order of time."""
    request = runs_service_pb2.ListRunUsageRequest(parent=run.resource_name)
    found = run.workspace.connection.runs.ListRunUsage(request).samples
    return [
        UsageSample(time, sample.cpus, sample.memory_bytes, sample.cpu_seconds)
        for sample in found
        if (time := moment(sample.time)) is not None
    ]
