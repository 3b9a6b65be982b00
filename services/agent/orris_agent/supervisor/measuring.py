"""How much the run uses: processor seconds since it began, and bytes of memory now.

Pages that only mirror a file are not counted: the kernel takes them back when it needs them. Swap is.
"""

import os

from orris_agent.supervisor.tree import stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TICKS = os.sysconf("SC_CLK_TCK")

# As a container sees its own control group, of version 2 and 1 (Linux: admin-guide/cgroup-v2, cgroup-v1): where the
# processors' time is, under which name, in which part of a second; where memory is, under which names.
_GROUPS = (
    ("/sys/fs/cgroup/cpu.stat", "usage_usec", 1e6, "/sys/fs/cgroup/memory.stat", ("anon", "shmem")),
    (
        "/sys/fs/cgroup/cpuacct/cpuacct.usage",
        "",
        1e9,
        "/sys/fs/cgroup/memory/memory.stat",
        ("total_rss", "total_shmem", "total_swap"),
    ),
)


def container_use() -> "tuple[float, int] | None":
    """Return processor seconds and bytes of this process's container; None where its control group is hidden."""
    for processors, name, unit, memory, names in _GROUPS:
        try:
            used = _fields(processors)[name] if name else _number(processors)
            sizes = _fields(memory)
            return used / unit, sizes[names[0]] + sum(sizes.get(other, 0) for other in names[1:])
        except (OSError, ValueError, KeyError):
            pass  # the other version, or none
    return None


def processor_seconds(pids: "Iterable[int]") -> float:
    """Return what processes, and those that they and this one have waited for, have used."""
    own = os.times()
    ticks = 0
    for pid in pids:
        try:
            ticks += sum(int(field) for field in stat_fields(pid)[11:15])  # utime, stime, cutime, cstime
        except OSError:
            pass  # it has ended
    return own[2] + own[3] + ticks / _TICKS


def resident_bytes(pids: "Iterable[int]") -> int:
    """Return the memory of processes; what several share is counted for each."""
    return sum(_resident(pid) for pid in pids)


def proportional_bytes(pids: "Iterable[int]") -> int:
    """Return the memory of processes; of what several share each has its part. Takes longer."""
    return sum(_proportional(pid) for pid in pids)


def _resident(pid: int) -> int:
    sizes = _sizes("/proc/%d/status" % pid)
    if "RssAnon" in sizes:
        return sizes["RssAnon"] + sizes.get("RssShmem", 0) + sizes.get("VmSwap", 0)
    return sizes.get("VmRSS", 0) + sizes.get("VmSwap", 0)


def _proportional(pid: int) -> int:
    sizes = _sizes("/proc/%d/smaps_rollup" % pid)
    if "Pss" not in sizes:
        return _resident(pid)
    swap = sizes.get("SwapPss", sizes.get("Swap", 0))
    return sizes["Pss"] - sizes.get("Pss_File", 0) + swap


def _sizes(path: str) -> "dict[str, int]":
    """Return the lines of a file that say a size in kB, in bytes; nothing where it cannot be read."""
    sizes = {}
    try:
        with open(path, "rb") as file:
            for line in file.read().splitlines():
                words = line.split()
                if len(words) == 3 and words[2] == b"kB":
                    sizes[words[0].rstrip(b":").decode()] = int(words[1]) * 1024
    except (OSError, ValueError):
        pass
    return sizes


def _fields(path: str) -> "dict[str, int]":
    with open(path) as file:
        return {name: int(value) for name, value in (line.split() for line in file)}


def _number(path: str) -> int:
    with open(path) as file:
        return int(file.read())
