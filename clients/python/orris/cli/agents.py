"""Agents: the machines that execute runs."""

from __future__ import annotations

import typer

from orris.cli.options import AsJson
from orris.cli.output import ago, print_json, print_table

app = typer.Typer(name="agents", help="Machines that execute runs.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Machines that execute runs."""


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List agents, and what they do now."""
    from orris.sdk.agents import list_agents

    found = list_agents()
    if json:
        print_json([{**each, "lastSeen": each["lastSeen"] and each["lastSeen"].isoformat()} for each in found])
        return
    rows = (
        [
            each["name"],
            "connected" if each["connected"] else f"last seen {ago(each['lastSeen'])}",
            each["pool"],
            f"{len(each['runs'])} of {each['slots'] + each['replicaSlots']}",
            ", ".join(each["isolations"]),
            _machine(each["resources"]),
            each["platform"],
            each["hostname"],
        ]
        for each in found
    )
    print_table(
        ("AGENT", "STATE", "POOL", "BUSY", "ISOLATION", "RESOURCES", "PLATFORM", "MACHINE"), rows, empty="no agents"
    )


def _machine(resources: dict[str, float]) -> str:
    from orris.runs.v1 import runs_pb2
    from orris.sdk.resources import resources_text

    cpus, gpus = resources.get("cpus", 0), int(resources.get("gpus", 0))
    return resources_text(runs_pb2.Resources(cpus=cpus, memory_bytes=int(resources.get("memory", 0)), gpus=gpus))
