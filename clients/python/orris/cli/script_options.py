"""Options that all commands have that execute a script, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orris.cli.options import environment_from

if TYPE_CHECKING:
    from orris.sdk.environment import Environment

SourceFolder = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="What the script gets to work with; by default the working directory."),
]
RegisteredEnvironment = Annotated[
    str | None, typer.Option("--environment", "-e", metavar="NAME[:VERSION]", help="A registered environment.")
]
InExperiment = Annotated[
    str | None, typer.Option("--experiment", "-x", metavar="NAME", help="By default named after the script.")
]
Variables = Annotated[
    list[str] | None, typer.Option("--env", metavar="KEY=VALUE", help="Environment variable; may be repeated.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=DATASET[:VERSION][:MODE]",
        help="Data for the script, which finds it by the variable NAME, or as ${{inputs.NAME}} in its arguments.",
    ),
]
TimeLimit = Annotated[
    float | None, typer.Option("--time-limit", metavar="SECONDS", help="End the run, or each trial, after that long.")
]
InPool = Annotated[str | None, typer.Option("--pool", metavar="NAME", help="Machines that may execute it.")]
MaxRetries = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=100, help="Execute it anew, so often, where a machine failed or was lost."),
]


class Distribution(StrEnum):
    """How the work of one script is spread."""

    JOBLIB = "joblib"


SpreadBy = Annotated[
    Distribution | None,
    typer.Option(
        "--distribution", help="Spread what the script gives joblib (n_jobs) over the machines of a pool on Ray."
    ),
]


def environment_for(
    group: str,
    registered: str | None,
    conda: Path | None,
    requirements: Path | None,
    packages: Sequence[str] | None,
    python: str | None,
) -> Environment | str | None:
    """Return the environment that the options name, or describe; None when they say nothing."""
    described = environment_from(group, conda, requirements, packages, python)
    if described and registered:
        raise typer.BadParameter("is registered already: leave out what describes another", param_hint="--environment")
    return described or registered


def place(script: str, source_dir: Path | None) -> tuple[Path, str]:
    """Return the source folder and the script's path in it: as `python SCRIPT` would find it, from here.

    A home or a whole disk is nobody's source: there, and for a script elsewhere, it is the script's own folder.
    """
    if source_dir is not None:
        inside = source_dir / script
        return source_dir, script if inside.is_file() or not Path(script).is_file() else _relative(script, source_dir)
    path, here = Path(script).absolute(), Path.cwd()
    if path.is_relative_to(here) and ".." not in path.parts and here not in (Path.home(), Path(here.anchor)):
        return Path("."), path.relative_to(here).as_posix()
    return path.parent, path.name


def _relative(script: str, folder: Path) -> str:
    """Return the path in the folder of a script that was named from the working directory."""
    path, root = Path(script).resolve(), folder.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else script


def experiment_of(script: str) -> str:
    """Return the name of the experiment that a script is of unless another is given."""
    name = re.sub(r"[^\w-]+", "-", Path(script).stem, flags=re.ASCII).strip("-_")
    return name[:255] or "script"
