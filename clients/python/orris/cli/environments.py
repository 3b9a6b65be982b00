"""Environments: list, show, create; `environment_build` makes their images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.options import (
    AsJson,
    CondaFile,
    InWorkspace,
    Packages,
    Python,
    RequirementsFile,
    environment_from,
    open_workspace,
)
from orris.cli.output import print_fields, print_json, print_table

if TYPE_CHECKING:
    from orris.sdk.environment import Environment

app = typer.Typer(name="environments", help="Environments that scripts run in.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME[:VERSION]", help="The environment, by default its latest version.")]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="All versions of this one.")] = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List environments, or the versions of one."""
    from orris.sdk.environment import Environment

    found = Environment.list(open_workspace(workspace), name)
    if json:
        print_json([_summary(each) for each in found])
        return
    rows = (
        [each.name, each.version, "ready" if each.image else "", "curated" if each.curated else "own"] for each in found
    )
    print_table(("ENVIRONMENT", "VERSION", "IMAGE", "KIND"), rows, empty="no environments")


@app.command()
def show(name: Name, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show what an environment asks for, and what is in its image."""
    from orris.sdk.images import Image

    place = open_workspace(workspace)
    found = _get(place, name)
    image = Image.get(place, found.image).details() if found.image else None
    if json:
        print_json({**_summary(found), "spec": _spec(found), "baseImage": found.base_image or None, "image": image})
        return
    print_fields(
        {
            "environment": found.name,
            "version": found.version,
            "kind": "curated" if found.curated else "own",
            "asked for": _spec(found),
            "base image": found.base_image,
            "variables": found.environment_variables,
            "python": image["python"] if image else "",
            "packages": [f"{key}=={value}" for key, value in image["packages"].items()] if image else "",
            "warnings": image["warnings"] if image else "",
            "image": found.image.rpartition("/")[2] or "none yet: `orris environments build` makes it",
        }
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the environment.")],
    conda: CondaFile = None,
    requirements: RequirementsFile = None,
    package: Packages = None,
    python: Python = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Register an environment.

    It becomes a new version if it differs from the latest one.
    """
    described = environment_from(name, conda, requirements, package, python)
    if described is None:
        raise typer.BadParameter("say what is in it: --conda, --requirements, --package or --python")
    described.register(open_workspace(workspace))
    print_json(_summary(described)) if json else typer.echo(f"{described.name}:{described.version}")


def _get(workspace: Any, text: str) -> Environment:
    from orris.sdk.environment import Environment

    name, _, version = text.partition(":")
    return Environment.get(workspace, name, version or None)


def _spec(environment: Environment) -> Any:
    """Return what is asked for: the text of a file, else the packages."""
    spec = environment.spec
    kind = spec.WhichOneof("source")
    if kind in ("conda_yaml", "requirements"):
        return getattr(spec, kind).rstrip()
    if kind == "user_managed":
        return spec.user_managed.interpreter
    if kind == "dockerfile":
        return spec.dockerfile.text.rstrip()
    python = [f"python {environment.python_version}"] if environment.python_version else []
    return [*python, *environment.conda_packages, *environment.pip_packages]


def _summary(environment: Environment) -> dict[str, Any]:
    return {
        "name": environment.name,
        "version": environment.version,
        "curated": environment.curated,
        "image": environment.image.rpartition("/")[2] or None,
    }
