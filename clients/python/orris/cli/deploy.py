"""Deploy a model, or a scoring script with its models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orris.cli.confinement import Cpus, Gpus, Memory, WithIsolation, resources_from
from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace, pairs
from orris.cli.output import print_json

if TYPE_CHECKING:
    from orris.sdk.inference_config import InferenceConfig


def add_to(top: typer.Typer) -> None:
    """Add the command."""
    top.command()(deploy)


def deploy(
    name: Annotated[str, typer.Option("--name", "-n", metavar="ENDPOINT", help="Name of the endpoint.")],
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL[:VERSION]...", help="The model, by default its latest version.")
    ] = None,
    code: Annotated[
        str | None, typer.Option("--code", metavar="FILE", help="A scoring script, with init() and run(data).")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="FOLDER", help="The files that the script needs."),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", "-e", metavar="NAME[:VERSION]", help="What the script runs in; by default the model's own."
        ),
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="KEY=VALUE", help="Variable of the script; may be repeated.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Redeploy an endpoint of that name.")] = False,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Whether callers need a key.")] = True,
    isolation: WithIsolation = None,
    cpus: Cpus = None,
    memory: Memory = None,
    gpus: Gpus = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it answers.")] = True,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Deploy a model, or a scoring script with its models."""
    from orris.sdk.model import Model
    from orris.sdk.progress import busy

    script = _script(code, source, environment, pairs(env, "--env"))
    place = open_workspace(workspace)
    endpoint = Model.deploy(
        place,
        name,
        [Model(place, model) for model in models or ()],
        script,
        overwrite=overwrite,
        auth_enabled=auth,
        resources=resources_from(cpus, memory, gpus, None, None),
        isolation=isolation.value if isolation else None,
    )
    what = endpoint.entry_script or endpoint.model_id
    if wait:
        with busy(f"Deploying {what}"):
            endpoint.wait_for_deployment()
    if json:
        print_json(endpoint.serialize())
        return
    say(f"{endpoint.name} serves {what}: {endpoint.state}")
    typer.echo(endpoint.scoring_uri or endpoint.name)


def _script(
    code: str | None, source: Path | None, environment: str | None, variables: dict[str, str]
) -> InferenceConfig | None:
    """Return the scoring script that the options describe; a path that is one from here is one in the folder, too."""
    from orris.cli.script_options import place
    from orris.sdk.inference_config import InferenceConfig

    if code is None:
        for option, given in (("--source", source), ("--environment", environment), ("--env", variables)):
            if given:
                raise typer.BadParameter("belongs to a scoring script: give --code FILE too", param_hint=option)
        return None
    if source is None:
        return InferenceConfig(code, None, environment, variables)
    folder, inside = place(code, source)
    return InferenceConfig(inside, folder, environment, variables)
