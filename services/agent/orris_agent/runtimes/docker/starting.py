"""Start the container of a run, and say for people why one cannot be started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import FailedPrecondition
from orris_agent.folder import INSIDE_CONTROL, RunFolder
from orris_agent.runtimes.docker.container import Container
from orris_agent.runtimes.port import ImageGoneError, StartError

if TYPE_CHECKING:
    from docker import APIClient
    from docker.errors import APIError

_CONFLICT = 409


def give_away(folder: RunFolder) -> None:
    """Give the run its part of the folder, before it has a container. After this the agent only reads there."""
    _home(folder).mkdir(mode=0o700, exist_ok=True)
    socket = folder.own / folder.socket.name
    if not socket.is_symlink():
        socket.symlink_to(INSIDE_CONTROL / folder.socket.name)
    hand_over(folder)


def is_furnished(folder: RunFolder) -> bool:
    """Tell whether a container was about to be made for the folder, or there is one."""
    return _home(folder).exists()


def hand_over(folder: RunFolder) -> None:
    """Make the run the owner of what is in its part of the folder."""
    if folder.owner[0] != os.geteuid():
        for parent, _, names in os.walk(folder.own):
            for path in (parent, *(os.path.join(parent, name) for name in names)):
                os.chown(path, *folder.owner, follow_symlinks=False)


def _home(folder: RunFolder) -> Path:
    return folder.own / "home"


def create_container(api: APIClient, container: Container) -> None:
    """Create the run's container; one that an interrupted call has created is as good. Raises APIError."""
    from docker.errors import APIError

    try:
        api.create_container(**container.arguments(api))
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise


def start_container(api: APIClient, container: Container) -> None:
    """Start the run's container, unless it was started before. Raises APIError."""
    state: dict[str, Any] = api.inspect_container(container.name)["State"]
    if state["Status"] == "created":
        api.start(container.name)


def explained(error: APIError, container: Container) -> Exception:
    """Return what to raise for an engine's refusal."""
    said = str(error.explanation or error)
    lower = said.lower()
    if "device driver" in lower and "gpu" in lower:
        message = (
            f"The run asks for {container.lease.run.resources.gpus} graphics processors, and this machine's container "
            "engine offers none: install NVIDIA's container toolkit there, or submit without `resources.gpus`."
        )
        return FailedPrecondition(message, reason="NO_GPUS")
    if "bind source path does not exist" in lower:
        message = (
            f"The container engine does not see the agent's folder: {said}. An agent that runs in a container needs "
            "it at the same path there as on the machine; set ORRIS_AGENT_FOLDER and mount it."
        )
        return StartError(message)
    if "no such file or directory" in lower and container.python.lower() in lower:
        message = f"The image has no Python at {container.python}: {said}"
        return FailedPrecondition(message, reason="INTERPRETER_NOT_FOUND")
    if "no such image" in lower:
        return ImageGoneError(f"the image {container.lease.image.reference} was removed from the agent's machine")
    return StartError(f"The container engine cannot start the run: {said}")
