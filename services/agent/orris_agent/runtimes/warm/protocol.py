"""How an agent and a launcher talk (see launcher/importlib_bootstrap.py)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROGRAM = "launcher/importlib_bootstrap.py"  # in the package orris_agent
READY_SECONDS = 60.0  # for all imports
FORK_SECONDS = 20.0
LONGEST_LINE = 8 * 1024 * 1024

# Room for the command line and the variables that a run will show in place of the launcher's.
_PADDING = " " * 8192
_PADDING_VARIABLE = "ORRIS_LAUNCHER_PADDING"


class LauncherError(Exception):
    """A launcher could not be made, or did not begin a run; runs start without one."""


class UnfitError(LauncherError):
    """A module must not be imported before a run."""

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"{module}: {why}")
        self.module, self.why = module, why


@dataclass(frozen=True)
class Imports:
    """What a launcher has imported: packages by their first names, and the variables that these looked at.

    `memory`: what it occupied then, in bytes.
    """

    loaded: frozenset[str]
    variables: frozenset[str]
    memory: int = 0


def command_of(python: str, program: str, requests: int, replies: int) -> list[str]:
    """Return the command line of a launcher that has these descriptors."""
    return [python, program, str(requests), str(replies), _PADDING]


def variables_of(base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a launcher of runs that have the `base` ones."""
    return {**base, _PADDING_VARIABLE: _PADDING}


def wanted(modules: Sequence[str]) -> str:
    """Return the first line of its requests."""
    return " ".join(modules)


async def read_ready(replies: asyncio.StreamReader) -> Imports | None:
    """Return what a launcher has imported when it has; None where it has ended. Raises LauncherError, UnfitError."""
    line = await replies.readline()
    if not line:
        return None
    answer: dict[str, Any] = json.loads(line)
    if "unfit" in answer:
        raise UnfitError(answer["unfit"], answer["why"])
    if not answer["ready"]:
        raise LauncherError("this system does not let a process change how it is seen by others")
    return Imports(frozenset(answer["loaded"]), frozenset(answer["variables"]), int(answer["memory"]))
