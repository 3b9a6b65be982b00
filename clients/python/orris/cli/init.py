"""Say which workspace a folder belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orris.cli.failures import say


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    workspace: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Name of the workspace.")] = "default",
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder that will belong to it.")] = Path("."),
) -> None:
    """Make a folder belong to a workspace, new or not.

    Scripts below the folder find their workspace by `.azureml/config.json`.
    """
    from orris.sdk.workspace import Workspace

    file = Workspace.create(workspace, exist_ok=True).write_config(folder)
    say(f"{folder.absolute()} belongs to workspace {workspace} now ({file.relative_to(folder)})")
