"""Making the images of environments: one, by name or from a file, or all that come with Orris."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import FAILED, say
from orris.cli.options import AsJson, InWorkspace, open_workspace
from orris.cli.output import print_json

if TYPE_CHECKING:
    from orris.sdk.build import Build
    from orris.sdk.environment import Environment
    from orris.sdk.workspace import Workspace

CONVERSION = ", conversion of its models"
CONDA_SUFFIXES = (".yml", ".yaml")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(build)


def build(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME[:VERSION]|FILE", help="A registered environment, or a conda or requirements file."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Show the log to its end.")] = True,
    refresh: Annotated[bool, typer.Option(help="Choose versions anew.")] = False,
    curated: Annotated[
        bool,
        typer.Option(
            "--curated", help="All that come with Orris, as far as possible here, and what converts their models."
        ),
    ] = False,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Make an environment's image.

    A file is registered first, under the name that is in it or else its own.
    """
    if (name is None) != curated:
        raise typer.BadParameter("name an environment or a file, or give --curated")
    place = open_workspace(workspace)
    if curated:
        _build_curated(place, follow=follow, refresh=refresh, json=json)
    else:
        _build_one(place, str(name), follow=follow, refresh=refresh, json=json)


def _build_one(place: Workspace, name: str, *, follow: bool, refresh: bool, json: bool) -> None:
    from orris.cli.building import show_to_the_end
    from orris.cli.builds import summary

    made = find_environment(place, name).build(place, refresh=refresh)
    if not follow:
        print_json(summary(made)) if json else typer.echo(made.id)
        return
    try:
        show_to_the_end(made, sys.stderr if json else None)
    finally:
        if json and made.finished:
            print_json(summary(made))


def _build_curated(place: Workspace, *, follow: bool, refresh: bool, json: bool) -> None:
    from orris.cli.building import follow_all
    from orris.cli.builds import summary
    from orris.errors import FailedPrecondition
    from orris.sdk.environment import Environment

    builds: dict[str, Build] = {}
    impossible: dict[str, str] = {}
    for each in Environment.list(place):
        if each.curated:
            try:
                builds[each.name] = each.build(place, refresh=refresh)
            except FailedPrecondition as error:
                impossible[each.name] = error.message
                say(f"{each.name}: not possible here: {error.message}")
    failed = follow_all(builds) if follow else ()
    conversions = _prepare_conversions(place, builds, impossible)
    if follow:
        follow_all(conversions)  # one that fails means that models are served as they are
    builds |= conversions
    if json:
        found: dict[str, Any] = {key: summary(each) for key, each in builds.items()}
        print_json({**found, **{key: {"status": "NotPossible", "error": why} for key, why in impossible.items()}})
    if failed:
        raise typer.Exit(FAILED)


def _prepare_conversions(place: Workspace, builds: dict[str, Build], impossible: dict[str, str]) -> dict[str, Build]:
    """Have made what the conversion of models of these images needs, of those that are there."""
    from orris.errors import FailedPrecondition
    from orris.sdk.images import Image

    begun: dict[str, Build] = {}
    for name, build in builds.items():
        if build.status == "Succeeded":
            try:
                begun[f"{name}{CONVERSION}"] = Image.get(place, build.image).prepare_conversion()
            except FailedPrecondition as error:
                impossible[f"{name}{CONVERSION}"] = error.message
    return begun


def find_environment(place: Workspace, text: str) -> Environment:
    """Return a registered environment, or what a file describes. Raises NotFound, InvalidArgument."""
    from orris.sdk.environment import Environment

    file = Path(text)
    if file.suffix in CONDA_SUFFIXES and file.is_file():
        content = file.read_text(encoding="utf-8-sig", errors="replace")
        return Environment.from_conda_specification(_name(_named_in(content) or file.stem), file)
    if file.suffix == ".txt" and file.is_file():
        return Environment.from_pip_requirements(_name(file.stem), file)
    name, _, version = text.partition(":")
    return Environment.get(place, name, version or None)


def _named_in(conda: str) -> str:
    """Return the name that a conda file gives itself."""
    found = re.search(r"""^name:\s*["']?([^"'#\n]+)""", conda, re.MULTILINE)
    return found[1].strip() if found else ""


def _name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-_.")[:255] or "environment"
