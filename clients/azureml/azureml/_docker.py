"""What Azure's settings of Docker ask for, in Orris's words: a container, its limits, no network."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from azureml._placeholder import refuse
from azureml.exceptions import UserErrorException
from orris.errors import InvalidArgument
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris.sdk.images import Image
from orris.sdk.paging import pages
from orris.sdk.resources import Resources

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

_FIELDS = {
    "--cpus": "cpus",
    "--memory": "memory",
    "-m": "memory",
    "--gpus": "gpus",
    "--shm-size": "shared_memory",
    "--pids-limit": "pids",
}
_NETWORKS = ("--network", "--net")
_INSTEAD = (
    "leave it out; --cpus, --memory, --gpus, --shm-size, --pids-limit and --network none are the arguments that can be "
    "given"
)


@dataclass
class DockerConfiguration:
    """Whether a run is to be in a container, and that container's limits.

    `arguments` are those of `docker run`. Raises NotAvailable, when the run is submitted, for those that Orris does
    not take, which is all that would open the container to its machine.
    """

    use_docker: bool = False
    shm_size: str | None = None
    arguments: Sequence[str] | str | None = ()


@dataclass
class Confinement:
    """What Orris is asked for."""

    isolation: str | None = None
    network: bool = True
    _found: dict[str, Any] = field(default_factory=dict)

    @property
    def resources(self) -> Resources:
        """The needs and limits. Raises UserErrorException for what is no number or size."""
        try:
            made = Resources(**self._found)
            made.to_message()
        except InvalidArgument as error:
            raise UserErrorException(f"DockerConfiguration: {error.message}") from error
        return made

    def take(self, argument: str, value: str) -> None:
        """Take an argument of `docker run`."""
        if argument in _NETWORKS and value == "none":
            self.network = False
        elif argument in _FIELDS:
            name = _FIELDS[argument]
            self._found[name] = value if name in ("memory", "shared_memory") else _number(argument, value)
        else:
            refuse(f"the argument {argument} {value}".rstrip() + " of a Docker configuration", _INSTEAD)


def confinement(run: DockerConfiguration, environment: Any) -> Confinement:
    """Return what a run configuration asks for, and where it says nothing, what the environment's `docker` did.

    Where no container is wanted, its limits are not looked at, as in Azure.
    """
    asked = run if run.use_docker else environment
    if not (run.use_docker or getattr(environment, "enabled", None)):
        return Confinement()
    made = Confinement("container")
    if asked.shm_size:
        made.take("--shm-size", str(asked.shm_size))
    for argument, value in _pairs(asked.arguments or ()):
        made.take(argument, value)
    return made


def where_there_are_containers(asked: Confinement, workspace: Workspace, pool: str) -> Confinement:
    """Return what is asked for, without the container where this instance has none: it runs all that Azure ran.

    A container without network is never replaced by anything else.
    """
    if asked.isolation is None or not asked.network or (_offered(workspace, pool) and _made(workspace)):
        return asked
    warnings.warn(
        "use_docker: this instance has no containers (yet); the run gets what its agent does by default", stacklevel=2
    )
    return replace(asked, isolation=None)


def _offered(workspace: Workspace, pool: str) -> bool:
    request = agents_service_pb2.ListAgentsRequest()
    found = pages(workspace.connection.agents.ListAgents, request, lambda page: page.agents)
    return any(runs_pb2.ISOLATION_CONTAINER in each.isolations for each in found if each.pool == pool)


def _made(workspace: Workspace) -> bool:
    newest = next(Image.list(workspace), None)
    return newest is not None and bool(newest.reference)


def _pairs(arguments: Sequence[str] | str) -> Iterator[tuple[str, str]]:
    """Yield arguments with their values: `--cpus=2`, or `--cpus 2` in one text or two."""
    words = iter(shlex.split(arguments) if isinstance(arguments, str) else list(map(str, arguments)))
    for word in words:
        argument, given, value = word.strip().partition("=")
        if not given and " " in argument:
            argument, _, value = argument.partition(" ")
        elif not given and (argument in _FIELDS or argument in _NETWORKS):
            value = next(words, "")
        yield argument, value.strip()


def _number(argument: str, value: str) -> float:
    try:
        return float(value) if argument == "--cpus" else int(value)
    except ValueError:
        hint = "; say how many" if argument == "--gpus" else ""
        raise UserErrorException(f"DockerConfiguration: {argument} {value!r} is no number{hint}") from None
