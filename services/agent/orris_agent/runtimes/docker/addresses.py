"""Where a replica in a container is found: not where it thinks it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.errors import FailedPrecondition
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.runtimes.docker.container import REPLICA_PORT, name_of
from orris_kit.address import Address

if TYPE_CHECKING:
    from docker import APIClient


def published_address(api: APIClient, lease: agents.Lease, network: str) -> str | None:
    """Return the address of a replica; None for other runs, and for one that has ended already.

    That is the port of this machine that the engine passes on, or in `network` the container's own.
    """
    from docker.errors import NotFound

    if lease.run.kind != runs.RUN_KIND_REPLICA:
        return None
    try:
        settings: dict[str, Any] = api.inspect_container(name_of(lease.id))["NetworkSettings"]
    except NotFound:
        return None
    if network:
        joined = settings["Networks"].get(network, {})
        return str(Address(joined["IPAddress"], REPLICA_PORT)) if joined.get("IPAddress") else None
    bindings = (settings.get("Ports") or {}).get(f"{REPLICA_PORT}/tcp") or ()
    return next((str(Address(each["HostIp"], int(each["HostPort"]))) for each in bindings), None)


def check_reachable(run: runs.Run) -> None:
    """Raise FailedPrecondition for a replica that nobody could ask."""
    if run.kind == runs.RUN_KIND_REPLICA and run.network_disabled:
        message = "run.network_disabled: a replica without a network cannot be asked; start it with one."
        raise FailedPrecondition(message, reason="REPLICA_WITHOUT_NETWORK")
