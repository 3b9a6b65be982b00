"""The agent's own note that it has started a run's container, where the run cannot change it: the file `started`."""

from __future__ import annotations

import json

from orris_agent.folder import RunFolder, noted_boot
from orris_agent.supervisor.system import boot_id

_FILE = "started"
_LARGEST = 4096  # of a supervisor's file


def note_start(folder: RunFolder) -> None:
    """Note that the run was started now, since the machine's latest start."""
    (folder.root / _FILE).write_text(boot_id(), encoding="ascii")


def has_started(folder: RunFolder) -> bool:
    """Tell whether the run was started, as far as anybody can know."""
    return (folder.root / _FILE).exists() or is_of_another_boot(folder)


def is_of_another_boot(folder: RunFolder) -> bool:
    """Tell whether the machine was started again since: nobody knows which of the run's files had reached the disk.

    The note itself may not have, nor what the supervisor wrote. That the run may have begun, has.
    """
    return any(boot not in ("", boot_id()) for boot in (noted_boot(folder.root), _noted(folder), _recorded(folder)))


def _noted(folder: RunFolder) -> str:
    try:
        return (folder.root / _FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def _recorded(folder: RunFolder) -> str:
    try:
        return str(json.loads(folder.written.read("supervisor.json", 0, _LARGEST))["boot"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
