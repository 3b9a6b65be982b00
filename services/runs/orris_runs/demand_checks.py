"""What a run may ask of its machine."""

from collections.abc import Iterator
from math import isfinite

from orris.errors import FieldViolation
from orris.sizes import size_text
from orris_runs import limits
from orris_runs.demands import Demands, Isolation, Resources


def wrong_demands(demands: Demands) -> Iterator[FieldViolation]:
    """Name what cannot be had, a violation for each field."""
    resources = demands.resources
    yield from _wrong_numbers(resources)
    contained = demands.isolation is Isolation.CONTAINER
    if demands.network_disabled and not contained:
        what = "run.network_disabled: only a container can be without; set `isolation` to ISOLATION_CONTAINER"
        yield FieldViolation("run.network_disabled", what)
    if demands.isolation in (Isolation.PROCESS, Isolation.WARM):
        for name in ("pids", "shared_memory_bytes"):
            if getattr(resources, name):
                yield _violation(name, "a process has no such limit, a container has; leave it out")


def _wrong_numbers(resources: Resources) -> Iterator[FieldViolation]:
    cpus = resources.cpus
    if cpus and not (isfinite(cpus) and limits.LEAST_CPUS <= cpus <= limits.CPUS):
        yield _violation("cpus", f"{limits.LEAST_CPUS} to {limits.CPUS:,} processors, or 0 for no limit")
    for name, least, most in (("pids", 1, limits.PIDS), ("gpus", 1, limits.GPUS)):
        count = getattr(resources, name)
        if count and not least <= count <= most:
            yield _violation(name, f"{least} to {most:,}, or 0")
    for name, least in (("memory_bytes", limits.LEAST_MEMORY_BYTES), ("shared_memory_bytes", 1)):
        size = getattr(resources, name)
        if size and not least <= size <= limits.MEMORY_BYTES:
            yield _violation(name, f"{size_text(least)} to {size_text(limits.MEMORY_BYTES)}, or 0; it is in bytes")


def _violation(name: str, what: str) -> FieldViolation:
    field = f"run.resources.{name}"
    return FieldViolation(field, f"{field}: {what}")
