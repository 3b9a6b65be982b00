"""Endpoints: deploy, list, show, logs, keys, delete."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace
from orris.cli.output import print_fields, print_json, print_table

if TYPE_CHECKING:
    from orris.sdk.endpoint import Endpoint

app = typer.Typer(name="endpoints", help="Deployed models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name of the endpoint.")]


def add_to(top: typer.Typer) -> None:
    """Add the command that makes endpoints."""
    top.command()(deploy)


def deploy(
    model: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="The model, by default its latest version.")],
    name: Annotated[str, typer.Option("--name", "-n", metavar="ENDPOINT", help="Name of the endpoint.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redeploy an endpoint of that name.")] = False,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Whether callers need a key.")] = True,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it answers.")] = True,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Deploy a registered model, without code."""
    from orris.sdk.model import Model
    from orris.sdk.progress import busy

    place = open_workspace(workspace)
    endpoint = Model.deploy(place, name, [Model(place, model)], overwrite=overwrite, auth_enabled=auth)
    if wait:
        with busy(f"Deploying {endpoint.model_id}"):
            endpoint.wait_for_deployment()
    if json:
        print_json(endpoint.serialize())
        return
    say(f"{endpoint.name} serves {endpoint.model_id}: {endpoint.state}")
    typer.echo(endpoint.scoring_uri or endpoint.name)


@app.command("list")
def list_(workspace: InWorkspace = None, json: AsJson = False) -> None:
    """List endpoints."""
    from orris.sdk.endpoint import Endpoint

    found = Endpoint.list(open_workspace(workspace))
    if json:
        print_json([each.serialize() for each in found])
        return
    rows = ([each.name, each.state, each.model_id, each.backend, each.scoring_uri] for each in found)
    print_table(("ENDPOINT", "STATE", "MODEL", "BACKEND", "ADDRESS"), rows, empty="no endpoints")


@app.command()
def show(endpoint: Name, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show an endpoint: where it answers, and why it does not."""
    found = _get(workspace, endpoint)
    if json:
        print_json(found.serialize())
        return
    print_fields(
        {
            "endpoint": found.name,
            "state": found.state,
            "error": found.error,
            "model": found.model_id,
            "backend": found.backend,
            "methods": ", ".join(found.methods),
            "address": found.scoring_uri,
            "openapi": found.swagger_uri,
            "v2 model": found.message.v2_model_name,
            "key needed": "yes" if found.auth_enabled else "no",
            "replica": found.message.replica.rpartition("/")[2],
            "description": found.description,
            "tags": found.tags,
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
