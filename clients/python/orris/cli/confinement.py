"""What a run needs of its machine, and what separates it from that, as options."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orris.sdk.resources import Resources


class Isolation(StrEnum):
    """What separates a run from its machine."""

    WARM = "warm"
    PROCESS = "process"
    CONTAINER = "container"


WithIsolation = Annotated[
    Isolation | None,
    typer.Option(
        "--isolation",
        help="What separates the run from its machine; by default the agent's choice. warm: a fork of an interpreter "
        "that has imported its libraries, process: a fresh one.",
    ),
]
Cpus = Annotated[
    float | None,
    typer.Option("--cpus", metavar="N", help="Processors that it needs, for example 0.5, and gets."),
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="Memory that it needs, for example 2GiB, and gets."),
]
Gpus = Annotated[int | None, typer.Option("--gpus", metavar="N", help="Graphics processors that it needs.")]
Pids = Annotated[
    int | None, typer.Option("--pids", metavar="N", help="Most processes and threads in a container; by default 4096.")
]
SharedMemory = Annotated[
    str | None, typer.Option("--shm", metavar="SIZE", help="Size of /dev/shm in a container; by default 2GiB.")
]
NoNetwork = Annotated[bool, typer.Option("--no-network", help="In a container that has no network.")]


def resources_from(
    cpus: float | None, memory: str | None, gpus: int | None, pids: int | None, shared_memory: str | None
) -> Resources:
    """Return what the options say. Ends with usage (2) when one of them cannot be."""
    from orris.errors import InvalidArgument
    from orris.sdk.resources import Resources

    made = Resources(cpus, memory, pids, gpus, shared_memory)
    try:
        made.to_message()
    except InvalidArgument as error:
        field = error.violations[0].field
        option = {"shared_memory": "--shm"}.get(field, f"--{field}")
        raise typer.BadParameter(error.message.removeprefix(f"{field}: "), param_hint=option) from None
    return made
