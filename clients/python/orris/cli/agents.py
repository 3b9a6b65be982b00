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
            each["platform"],
            each["hostname"],
        ]
        for each in found
    )
    print_table(("AGENT", "STATE", "POOL", "BUSY", "PLATFORM", "MACHINE"), rows, empty="no agents")
