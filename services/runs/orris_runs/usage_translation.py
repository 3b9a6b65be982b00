"""Between the contract's messages and the domain: what runs use."""

from collections.abc import Iterable
from math import isfinite

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2 as pb
from orris_runs.model import UsageSample, Used
from orris_runs.translation import moment, timestamp


def samples(messages: Iterable[pb.UsageSample]) -> list[UsageSample]:
    """Return the samples that an agent reports; those without a time are none."""
    found = []
    for message in messages:
        try:
            time = moment(message, "time")
        except InvalidArgument:
            continue
        if time is not None:
            found.append(UsageSample(time, message.cpu_seconds, message.memory_bytes))
    return found


def used(message: pb.RunUsage) -> Used | None:
    """Return what an agent says that a run used; None for what cannot be."""
    fine = isfinite(message.cpu_seconds) and message.cpu_seconds >= 0 and message.max_memory_bytes >= 0
    return Used(message.cpu_seconds, message.max_memory_bytes) if fine else None


def sample_message(sample: UsageSample) -> pb.UsageSample:
    """Return a sample's message."""
    return pb.UsageSample(
        time=timestamp(sample.time),
        cpu_seconds=sample.cpu_seconds,
        memory_bytes=sample.memory_bytes,
        cpus=sample.cpus,
    )
