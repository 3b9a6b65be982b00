"""Pools: create, list, show, watch, update, delete."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, pairs, time_from
from orris.cli.output import ago, print_fields, print_json, print_table

if TYPE_CHECKING:
    from orris.sdk.pools import Pool

app = typer.Typer(name="pools", help="Groups of machines that runs are submitted to.", no_args_is_help=True)

PoolId = Annotated[str, typer.Argument(metavar="POOL", help="Its name.")]
MinNodes = Annotated[int | None, typer.Option("--min", metavar="N", min=0, help="Nodes there always are.")]
MaxNodes = Annotated[int | None, typer.Option("--max", metavar="N", min=0, help="Nodes there are at most.")]
Idle = Annotated[
    str | None,
    typer.Option("--idle", metavar="TIME", help="End a node that is idle for so long, like 90s or 30m."),
]
Description = Annotated[str | None, typer.Option("--description", help="Free text.")]
_COUNTED = ("Starting", "Idle", "Running", "Draining", "Stopping", "Unreachable")


@app.command()
def create(
    pool: PoolId,
    engine: Annotated[
        str,
        typer.Option("--engine", metavar="NAME", help="What keeps its nodes; '' if agents come by themselves."),
    ] = "local",
    min_nodes: MinNodes = None,
    max_nodes: MaxNodes = None,
    idle: Idle = None,
    slots: Annotated[int, typer.Option(metavar="N", min=1, help="Runs that a node executes at a time.")] = 1,
    cpus: Annotated[float | None, typer.Option("--cpus", metavar="N", help="Processors of a node.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory of a node, like 8GiB.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="For the engine; may be repeated.")
    ] = None,
    description: Description = None,
) -> None:
    """Create a pool. Its nodes come when runs wait for them, and go when they do nothing."""
    from orris.sdk.pools import Pool
    from orris.sdk.resources import Resources

    made = Pool.create(
        pool,
        engine=engine,
        min_nodes=min_nodes or 0,
        max_nodes=max(1, min_nodes or 0) if max_nodes is None else max_nodes,
        idle_seconds=_seconds(idle),
        slots=slots,
        resources=Resources(cpus=cpus, memory=memory) if cpus or memory else None,
        options=pairs(option, "--option"),
        description=description or "",
    )
    say(f"Pool {made.name}: {_bounds(made) or 'start agents with ORRIS_AGENT_POOL=' + made.name}")


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List pools, and how many nodes they have."""
    from orris.sdk.pools import Pool

    found = Pool.list()
    if json:
        print_json([each.details() for each in found])
        return
    rows = (
        [each.name, each.message.engine or "-", _bounds(each), _counts(each), each.message.waiting_runs, _trouble(each)]
        for each in found
    )
    print_table(("POOL", "ENGINE", "NODES", "NOW", "WAITING", "TROUBLE"), rows, empty="no pools")


@app.command()
def show(
    pool: PoolId,
    gone: Annotated[bool, typer.Option("--gone", help="Nodes that are gone as well.")] = False,
    json: AsJson = False,
) -> None:
    """Show a pool and its nodes."""
    from orris.sdk.pools import Pool

    found = Pool.get(pool)
    nodes = found.nodes(gone=gone)
    if json:
        print_json({**found.details(), "nodes": nodes})
        return
    message = found.message
    print_fields(
        {
            "pool": found.name,
            "description": message.description,
            "state": found.state if found.state != "Active" else "",
            "engine": message.engine or "none: agents come by themselves",
            "nodes": _bounds(found),
            "of each": _each(found),
            "cluster": _cluster(found),
            "options": dict(message.options),
            "tags": dict(message.tags),
            "waiting": _waiting(message.waiting_runs),
            "trouble": found.error,
        }
    )
    typer.echo()
    rows = ([node["name"], node["state"], _since(node), _doing(node), _why(node)] for node in nodes)
    print_table(("NODE", "STATE", "SINCE", "RUNS", "WHY"), rows, empty="no nodes now")


@app.command()
def watch(pool: PoolId) -> None:
    """Show a pool's nodes, in a line whenever they have changed, until it is gone. Ctrl-C ends it."""
    from orris.sdk.pools import Pool

    told = ""
    with suppress(KeyboardInterrupt):
        for now in Pool.get(pool).watch():
            line = "; ".join(filter(None, [_counts(now), _runs_waiting(now.message.waiting_runs), _trouble(now)]))
            if line != told:
                typer.echo(line)
            told = line


@app.command()
def update(
    pool: PoolId,
    min_nodes: MinNodes = None,
    max_nodes: MaxNodes = None,
    idle: Idle = None,
    description: Description = None,
) -> None:
    """Change a pool. Nodes beyond a smaller number end once their runs have."""
    from orris.sdk.pools import Pool

    given = {"min_nodes": min_nodes, "max_nodes": max_nodes, "description": description}
    updated = Pool.get(pool).update(idle_seconds=_seconds(idle), **given)  # type: ignore[arg-type]  # each as it is named
    say(f"Pool {updated.name}: {_bounds(updated)}")


@app.command()
def delete(
    pool: PoolId,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when its nodes have ended.")] = True,
) -> None:
    """Delete a pool that no run needs any more; its nodes end."""
    from orris.sdk.pools import Pool

    found = Pool.get(pool)
    found.delete()
    if wait:
        found.wait_until_gone()
    say(f"Pool {found.name}: {'deleted' if wait else 'is being deleted'}")


def _seconds(text: str | None) -> float | None:
    return None if text is None else time_from(text, "--idle").total_seconds()


def _bounds(pool: Pool) -> str:
    message = pool.message
    if not message.engine:
        return ""
    idle = message.idle_time.ToTimedelta().total_seconds()
    return f"{message.min_nodes} to {message.max_nodes}, idle for {idle:g} s"


def _each(pool: Pool) -> str:
    from orris.sdk.resources import resources_text

    message = pool.message
    if not message.engine:
        return ""
    slots = f"{message.node_slots} run{'' if message.node_slots == 1 else 's'} at a time"
    return ", ".join(filter(None, [slots, resources_text(message.node_resources)]))


def _cluster(pool: Pool) -> str:
    cluster = pool.message.ray_cluster
    return f"Ray {cluster.ray_version}, Python {cluster.python_version}" if cluster.ray_version else ""


def _waiting(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}" if count else ""


def _runs_waiting(count: int) -> str:
    return f"{_waiting(count)} waiting" if count else ""


def _counts(pool: Pool) -> str:
    counts = pool.node_counts
    return ", ".join(f"{counts[state]} {state.lower()}" for state in _COUNTED if counts.get(state)) or "none"


def _trouble(pool: Pool) -> str:
    return "is being deleted" if pool.state == "Deleting" else pool.error


def _since(node: dict[str, Any]) -> str:
    return ago(node["ended"] or node["ready"] or node["created"])


def _doing(node: dict[str, Any]) -> str:
    runs = node["runs"]
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return f"{runs[0]}{more}" if runs else ""


def _why(node: dict[str, Any]) -> str:
    return str(node["endReason"] or node["message"] or node["reason"])
