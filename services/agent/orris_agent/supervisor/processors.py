"""Which processors the run is kept to."""

import fcntl
import os

from orris_agent.supervisor.tree import stat_fields


def take_processors(folder: str, cpus: float) -> None:
    """Keep this process, and so what it starts, to `cpus` processors, rounded up: those that fewest runs are kept to.

    Nothing changes where there are no more than that, and where an operating system has no such thing.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = os.sched_getaffinity(0)
    count = -int(-cpus // 1)
    if count >= len(allowed):
        return
    turn = os.open(os.path.dirname(folder), os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)  # who chooses at the same time would choose the same
        load = _load(allowed)
        os.sched_setaffinity(0, sorted(allowed, key=lambda number: (load[number], number))[:count])
    finally:
        os.close(turn)


def pass_on_processors(pid: int) -> None:
    """Keep a process to the processors of this one, where it was not started by it."""
    if hasattr(os, "sched_setaffinity"):
        mine = os.sched_getaffinity(0)
        try:
            if os.sched_getaffinity(pid) != mine:
                os.sched_setaffinity(pid, mine)
        except OSError:
            pass  # it has ended


def _load(allowed: "set[int]") -> "dict[int, float]":
    """Return for each processor how many sessions are kept to it; one that has several counts for less in each."""
    kept = set()  # type: set[tuple[bytes, frozenset[int]]]
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                session, processors = stat_fields(int(name))[3], os.sched_getaffinity(int(name))
            except OSError:
                continue
            if session != b"0" and not allowed <= processors:  # the kernel's own have none
                kept.add((session, frozenset(processors)))
    load = dict.fromkeys(allowed, 0.0)
    for _, kept_to in kept:
        for number in kept_to & allowed:
            load[number] += 1.0 / len(kept_to)
    return load
