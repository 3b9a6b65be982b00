"""Which graphics processors of this machine a container gets: none that another container of the agent has."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from orris_agent.graphics import graphics_processors
from orris_agent.runtimes.docker.container import AGENT_LABEL, GRAPHICS_LABEL
from orris_agent.runtimes.port import NotNowError

if TYPE_CHECKING:
    from docker import APIClient

_ACTIVE = ("created", "running", "paused")


def free_graphics(api: APIClient, agent: str, count: int) -> tuple[int, ...]:
    """Return the numbers of so many that are free. Raises NotNowError.

    None where the machine does not have so many at all: the engine says so then, or knows of other ones.
    """
    containers = api.containers(all=True, filters={"label": f"{AGENT_LABEL}={agent}"})
    return chosen(
        count,
        graphics_processors(),
        [each["Labels"].get(GRAPHICS_LABEL, "") for each in containers if each["State"] in _ACTIVE],
    )


def chosen(count: int, present: int, taken: Collection[str]) -> tuple[int, ...]:
    """Return the first numbers that are in none of the labels of containers (`taken`: "0,2")."""
    if count > present:
        return ()
    used = {int(number) for label in taken for number in label.split(",") if number}
    free = [number for number in range(present) if number not in used]
    if len(free) < count:
        raise NotNowError(f"waits for {count} graphics processors: {len(free)} of {present} are free")
    return tuple(free[:count])
