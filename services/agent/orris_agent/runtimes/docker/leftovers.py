"""Containers that earlier agent processes have left."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from orris_agent.runtimes.docker.container import AGENT_LABEL, FOLDER_LABEL, name_of

if TYPE_CHECKING:
    from docker import APIClient


def leftovers(api: APIClient, agent: str, folders: Collection[Path], held: Collection[str]) -> list[str]:
    """Return the names of this agent's containers whose leases are not `held`, and of those that wait for a run.

    Theirs only whose own folders are in `folders`: another installation may have an agent of the same name here.
    """
    found = api.containers(all=True, filters={"label": f"{AGENT_LABEL}={agent}"})
    names, places = {name_of(lease) for lease in held}, {folder.absolute() for folder in folders}
    return [
        name
        for each in found
        if Path(each["Labels"][FOLDER_LABEL]).parent in places and (name := each["Names"][0].lstrip("/")) not in names
    ]
