"""What has become of a run whose container has ended, from what the engine and the supervisor say."""

from __future__ import annotations

from typing import Any

from orris_agent.control import cancel_requested
from orris_agent.exits import Exit, read_exit
from orris_agent.folder import RunFolder
from orris_agent.runtimes.docker.start_note import is_of_another_boot
from orris_agent.runtimes.port import Ending

_REMOVED = "The run's container was removed from outside: how the program ended is not known. Submit the run again."
_RESTARTED = (
    "The run's machine was started again: which of the run's files had reached the disk is not known. Submit the run "
    "again."
)
_STOPPED = (
    "The run's container was stopped from outside: by somebody, or because the container engine was shut down. With "
    "`live-restore` in its configuration an engine that is restarted leaves containers alone. Submit the run again."
)
_KILLED = (
    "The run's container was killed from outside: by somebody, or because the container engine, or the machine, was "
    "restarted. Submit the run again."
)


def ending_of(inspected: dict[str, Any] | None, folder: RunFolder) -> Ending:
    """Return how the run ended. `inspected`: its container as the engine describes it, None when it is gone."""
    if is_of_another_boot(folder):
        return Ending(None, lost=_RESTARTED)
    recorded = read_exit(folder.written)
    if inspected is None:
        return Ending(recorded, lost="" if recorded else _REMOVED)
    state = inspected["State"]
    memory = bool(state.get("OOMKilled")) or (recorded is not None and recorded.out_of_memory)
    if memory and _ended_badly(recorded):
        return Ending(recorded, out_of_memory=_out_of_memory(inspected["HostConfig"].get("Memory") or 0))
    if recorded is None:
        said = f" The engine says: {state['Error']}" if state.get("Error") else ""
        return Ending(None, lost=_KILLED + said)
    if recorded.reason == "canceled" and not cancel_requested(folder.control):
        return Ending(None, lost=_STOPPED)
    return Ending(recorded)


def _ended_badly(recorded: Exit | None) -> bool:
    return recorded is None or (recorded.reason is None and recorded.exit_code != 0)


def _out_of_memory(limit: int) -> str:
    if not limit:
        return "The machine ran out of memory, and processes of the run were ended. It had no limit of its own."
    return (
        f"The run needed more than the {_as_size(limit)} of memory that it was given, /tmp and /dev/shm included, and "
        "processes of it were ended. Give it more (resources.memory_bytes), or less to do."
    )


def _as_size(count: int) -> str:
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} bytes"
