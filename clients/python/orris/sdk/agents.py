"""The machines that execute runs."""

from __future__ import annotations

from typing import Any

from orris.names import AgentName
from orris.runs.v1 import agents_service_pb2
from orris.sdk.connection import Connection
from orris.sdk.paging import pages
from orris.sdk.resources import isolation_name, resources_details
from orris.sdk.spelling import moment


def list_agents(address: str | None = None) -> list[dict[str, Any]]:
    """Return the agents by name.

    Each has name, pool, slots, replicaSlots, platform, hostname, connected, lastSeen, isolations (its default first),
    resources (cpus, memory in bytes, gpus), abilities (what agents of older versions cannot do) and runs.
    """
    request = agents_service_pb2.ListAgentsRequest()
    found = pages(Connection.find(address).agents.ListAgents, request, lambda page: page.agents)
    return [
        {
            "name": AgentName.parse(agent.name).agent,
            "pool": agent.pool,
            "slots": agent.slots,
            "replicaSlots": agent.replica_slots,
            "platform": agent.platform,
            "hostname": agent.hostname,
            "connected": agent.connected,
            "lastSeen": moment(agent.last_seen_time),
            "isolations": [isolation_name(each) for each in agent.isolations] or ["process"],
            "resources": resources_details(agent.resources),
            "abilities": list(agent.abilities),
            "runs": [run.rpartition("/")[2] for run in agent.runs],
        }
        for agent in found
    ]
