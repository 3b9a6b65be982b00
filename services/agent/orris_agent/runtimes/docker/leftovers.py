"""Containers that earlier agent processes have left."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from orris_agent.runtimes.docker.container import AGENT_LABEL, FOLDER_LABEL, LEASE_LABEL

if TYPE_CHECKING:
    from docker import APIClient


def leftovers(api: APIClient, agent: str, runs: Path, held: Collection[str]) -> list[str]:
    """Return the names of this agent's containers whose leases are not `held`.

    Theirs only whose runs' folders are in `runs`: another installation may have an agent of the same name here.
    """
    found = api.containers(all=True, filters={"label": f"{AGENT_LABEL}={agent}"})
    return [
        each["Names"][0].lstrip("/")
        for each in found
        if Path(each["Labels"][FOLDER_LABEL]).parent == runs.absolute() and each["Labels"][LEASE_LABEL] not in held
    ]
