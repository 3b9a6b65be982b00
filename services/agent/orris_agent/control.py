"""What an agent tells a run's supervisor: the files command.json, deadline and cancel (ARCHITECTURE.md).

Each is there completely or not at all. `readable`: by a supervisor of another user too, which only a container has.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orris_agent.supervisor.lease import CLOCK

DATA = "data.json"


def boottime() -> float:
    """Return the clock of deadlines: seconds since the machine started, sleep included."""
    return time.clock_gettime(CLOCK)


def write_command(
    folder: Path,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    time_limit_seconds: float | None,
    *,
    limits: Mapping[str, float] = MappingProxyType({}),
    readable: bool = False,
) -> None:
    """Say what is to be executed. `limits`: what the supervisor holds the run to, `cpus` and `memory_bytes`."""
    command = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "time_limit_seconds": time_limit_seconds}
    command.update(limits)
    _write(folder / "command.json", json.dumps(command), readable)


def write_data(folder: Path, record: Mapping[str, Any], *, readable: bool = False) -> Path:
    """Say what data the run has, for the library inside it; return the file."""
    _write(folder / DATA, json.dumps(record), readable)
    return folder / DATA


def set_deadline(folder: Path, boottime_seconds: float | None, *, readable: bool = False) -> None:
    """Have the run end when `boottime()` reaches the given time unless another is set before; None: no end.

    Raises OSError, but not where the disk has become full since the last: its bytes have room for as many others.
    """
    deadline = folder / "deadline"
    if boottime_seconds is None:
        deadline.unlink(missing_ok=True)
        return
    content = f"{boottime_seconds:.3f}\n"
    try:
        _write(deadline, content, readable)
    except OSError:
        if not _overwrite(deadline, content.encode()):
            raise


def request_cancel(folder: Path) -> None:
    """Have the supervisor cancel the run at its next look, which a signal brings about."""
    _write(folder / "cancel", "", readable=True)


def cancel_requested(folder: Path) -> bool:
    """Tell whether the agent has canceled the run."""
    return (folder / "cancel").exists()


def _write(path: Path, content: str, readable: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            if readable:
                os.fchmod(descriptor, 0o644)
            file.write(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _overwrite(path: Path, content: bytes) -> bool:
    """Put bytes in the place of as many; return whether that could be done."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_size == len(content) == os.pwrite(descriptor, content, 0)
    except OSError:
        return False
    finally:
        os.close(descriptor)
