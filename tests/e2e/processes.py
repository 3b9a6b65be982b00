"""What runs on this machine on behalf of a home: found as the kernel tells it, not as Orris does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def processes_of(home: Path) -> dict[int, str]:
    """Return pid and command line of every process, but this one, that has a home's path in its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(home) in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found[int(folder.name)] = command_line_of(int(folder.name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return {pid: command for pid, command in found.items() if command}


def command_line_of(pid: int) -> str:
    """Return a process's command line; empty for one that is gone, or has ended and waits for its parent."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    """Return a process's parent (field 4 of proc_pid_stat(5)); 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds. Fails after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.02)
