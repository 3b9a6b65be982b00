"""What a run needs of its machine, and what separates it from that."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2
from orris.sizes import parse_size, size_text

ISOLATIONS = {
    "warm": runs_pb2.ISOLATION_WARM,
    "process": runs_pb2.ISOLATION_PROCESS,
    "container": runs_pb2.ISOLATION_CONTAINER,
}


@dataclass(frozen=True)
class Resources:
    """Processors, memory, processes, graphics processors and /dev/shm; None leaves it open.

    A run goes to a machine that has as much. These are its limits as well; of a process, `cpus` (rounded up) and
    `memory` are. Sizes are bytes, or text: "2GiB", "512MiB".
    """

    cpus: float | None = None
    memory: int | str | None = None
    pids: int | None = None
    gpus: int | None = None
    shared_memory: int | str | None = None

    def to_message(self) -> runs_pb2.Resources | None:
        """Return the contract's form; None where all is left open. Raises InvalidArgument that names the field."""
        message = runs_pb2.Resources(
            cpus=_cpus(self.cpus),
            memory_bytes=_size(self.memory, "memory"),
            pids=_count(self.pids, "pids"),
            gpus=_count(self.gpus, "gpus"),
            shared_memory_bytes=_size(self.shared_memory, "shared_memory"),
        )
        return message if message.ByteSize() else None


def isolation_number(name: str | None) -> runs_pb2.Isolation.ValueType:
    """Return the contract's form of "warm", "process", "container" or None. Raises InvalidArgument."""
    if name is None:
        return runs_pb2.ISOLATION_UNSPECIFIED
    if name not in ISOLATIONS:
        message = f"isolation: {str(name)[:50]!r} is none; give 'warm', 'process' or 'container'"
        raise InvalidArgument(message, field="isolation")
    return ISOLATIONS[name]


def isolation_name(number: int) -> str | None:
    """Return the name of an isolation; None when it was left to the agent."""
    return next((name for name, known in ISOLATIONS.items() if known == number), None)


def resources_details(message: runs_pb2.Resources) -> dict[str, float]:
    """Return what is set, under the names of `Resources`; sizes in bytes."""
    found = {
        "cpus": message.cpus,
        "memory": message.memory_bytes,
        "pids": message.pids,
        "gpus": message.gpus,
        "shared_memory": message.shared_memory_bytes,
    }
    return {name: value for name, value in found.items() if value}


def resources_text(message: runs_pb2.Resources) -> str:
    """Return what is set, for people: "2 CPUs, 4 GiB of memory, 1 GPU"."""
    parts = [
        _counted(message.cpus, "CPU"),
        f"{size_text(message.memory_bytes)} of memory" if message.memory_bytes else "",
        _counted(message.gpus, "GPU"),
        f"{message.pids} processes" if message.pids else "",
        f"{size_text(message.shared_memory_bytes)} of shared memory" if message.shared_memory_bytes else "",
    ]
    return ", ".join(filter(None, parts))


def _counted(count: float, what: str) -> str:
    return f"{count:g} {what}{'' if count == 1 else 's'}" if count else ""


def _cpus(cpus: float | None) -> float:
    if cpus is None:
        return 0
    if isinstance(cpus, bool) or not isinstance(cpus, int | float) or not isfinite(cpus) or cpus <= 0:
        raise InvalidArgument(f"cpus: give a number over 0, for example 0.5, not {cpus!r}", field="cpus")
    return float(cpus)


def _count(count: int | None, field: str) -> int:
    if count is None:
        return 0
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**31:
        raise InvalidArgument(f"{field}: give a whole number, not {count!r}", field=field)
    return count


def _size(size: int | str | None, field: str) -> int:
    return 0 if size is None else parse_size(size, field)
