"""The processes of the machine, and which of them are the run's."""

import os

from orris_agent.supervisor.system import LINUX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def descendants(above: int, main: int) -> "set[int]":
    """Return the pids of what `above` started, directly or not (elsewhere than on Linux also `main`'s group)."""
    children = {}  # type: dict[int, list[int]]
    found = set()  # type: set[int]
    for pid, parent, group in processes():
        children.setdefault(parent, []).append(pid)
        if group == main and not LINUX:  # a subreaper has them all among its descendants
            found.add(pid)
    todo = [above] + list(found)
    while todo:
        for pid in children.pop(todo.pop(), ()):
            found.add(pid)
            todo.append(pid)
    return found


def processes() -> "Iterator[tuple[int, int, int]]":
    """Yield pid, parent and process group of what runs; what has ended and waits to be reaped is left out."""
    if not LINUX:
        import subprocess

        for line in subprocess.check_output(["ps", "-axo", "pid=,ppid=,pgid=,stat="]).decode().splitlines():
            row = line.split()
            if not row[3].startswith("Z"):
                yield int(row[0]), int(row[1]), int(row[2])
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, parent, group = stat_fields(int(name))[:3]
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                yield int(name), int(parent), int(group)


def stat_fields(pid: int) -> "list[bytes]":
    """Return the fields of /proc/PID/stat from the third (state) on."""
    with open("/proc/%d/stat" % pid, "rb") as file:
        return file.read().rpartition(b")")[2].split()
