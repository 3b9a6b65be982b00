"""Endpoints: list, show, logs, keys, delete; `deploy` makes them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace
from orris.cli.output import print_fields, print_json, print_table
from orris.cli.statistics import statistics_fields

if TYPE_CHECKING:
    from orris.sdk.endpoint import Endpoint

app = typer.Typer(name="endpoints", help="Deployed models and scoring scripts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name of the endpoint.")]


@app.command("list")
def list_(workspace: InWorkspace = None, json: AsJson = False) -> None:
    """List endpoints."""
    from orris.sdk.endpoint import Endpoint

    found = Endpoint.list(open_workspace(workspace))
    if json:
        print_json([each.serialize() for each in found])
        return
    rows = ([each.name, each.state, ", ".join(each.model_ids), each.backend, each.scoring_uri] for each in found)
    print_table(("ENDPOINT", "STATE", "MODEL", "BACKEND", "ADDRESS"), rows, empty="no endpoints")


@app.command()
def show(endpoint: Name, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show an endpoint: where it answers, and why it does not."""
    from orris.sdk.resources import isolation_name, resources_text

    found = _get(workspace, endpoint)
    statistics = found.get_statistics()
    if json:
        print_json({**found.serialize(), "statistics": statistics})
        return
    print_fields(
        {
            "endpoint": found.name,
            "state": found.state,
            "error": found.error,
            "model": ", ".join(found.model_ids),
            "script": found.entry_script,
            "environment": found.message.code.environment.removeprefix(f"{found.workspace.resource_name}/"),
            "backend": found.backend,
            "methods": ", ".join(found.methods),
            "address": found.scoring_uri,
            "openapi": found.swagger_uri,
            "v2 model": found.message.v2_model_name,
            "key needed": "yes" if found.auth_enabled else "no",
            "replica": found.message.replica.rpartition("/")[2],
            "isolation": isolation_name(found.message.isolation),
            "limits": resources_text(found.message.resources),
            "description": found.description,
            "tags": found.tags,
            **statistics_fields(statistics),
        }
    )


@app.command()
def logs(
    endpoint: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    workspace: InWorkspace = None,
) -> None:
    """Print what an endpoint and its replica have logged."""
    for data in _get(workspace, endpoint).follow_log(follow=follow):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@app.command()
def keys(
    endpoint: Name,
    regenerate: Annotated[Literal["primary", "secondary"] | None, typer.Option(help="Replace this one first.")] = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Print an endpoint's keys. Either is accepted."""
    found = _get(workspace, endpoint)
    which: Any = regenerate
    primary, secondary = found.regen_key(which) if regenerate else found.get_keys()
    shown = {"primary": primary, "secondary": secondary}
    print_json(shown) if json else print_fields(shown)


@app.command()
def delete(endpoint: Name, workspace: InWorkspace = None) -> None:
    """Delete an endpoint: it stops answering."""
    _get(workspace, endpoint).delete()
    say(f"{endpoint} is deleted")


def _get(workspace: str | None, name: str) -> Endpoint:
    from orris.sdk.endpoint import Endpoint

    return Endpoint(open_workspace(workspace), name)
