"""Options and arguments that several commands have, and what they mean."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orris.sdk.environment import Environment
    from orris.sdk.run import Run
    from orris.sdk.workspace import Workspace

DEFAULT_WORKSPACE = "default"
LATEST = "latest"
_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}

InWorkspace = Annotated[
    str | None,
    typer.Option(
        "--workspace",
        "-w",
        envvar="ORRIS_WORKSPACE",
        show_envvar=False,
        metavar="NAME",
        help="Workspace; else that of the nearest config.json, else `default`.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, or `latest`.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="KEY=VALUE", help="Tag; may be repeated.")]
CondaFile = Annotated[Path | None, typer.Option("--conda", metavar="FILE", help="Conda environment file.")]
RequirementsFile = Annotated[
    Path | None, typer.Option("--requirements", "-r", metavar="FILE", help="pip requirements file.")
]
Packages = Annotated[
    list[str] | None,
    typer.Option("--package", "-p", metavar="PACKAGE", help="pip requirement; may be repeated."),
]
Python = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH|VERSION", help="An interpreter that you look after, or a version to use."),
]


def misplaced(context: typer.Context, script: str, arguments: Sequence[str] | None) -> str:
    """Say which options of this command stand behind the script, which gets them; empty where none does."""
    own = {name for each in context.command.params for name in (*each.opts, *each.secondary_opts)}
    words = [word for word in (each.partition("=")[0] for each in arguments or ()) if word.startswith("--")]
    found = ", ".join(dict.fromkeys(word for word in words if word in own))
    return f"{found}: the script gets what stands behind it; put options of Orris before {script}" if found else ""


def open_workspace(name: str | None) -> Workspace:
    """Return the workspace named, else that of the nearest config.json, else `default`."""
    from orris.errors import NotFound
    from orris.sdk.workspace import Workspace

    if name:
        return Workspace(name)
    try:
        return Workspace.from_config()
    except NotFound:
        return Workspace(DEFAULT_WORKSPACE)


def find_run(workspace: Workspace, run_id: str) -> Run:
    """Return the run, for `latest` the newest. Raises NotFound."""
    from orris.errors import NotFound
    from orris.sdk.run import Run

    if run_id != LATEST:
        return Run.get(workspace, run_id)
    newest = next(workspace.runs(limit=1), None)
    if newest is None:
        raise NotFound(f"there are no runs in workspace {workspace.name} yet: submit one with `orris submit SCRIPT`")
    return newest


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return what options of the form KEY=VALUE say."""
    found = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{text!r} is not of the form KEY=VALUE", param_hint=option)
        found[key] = value
    return found


def environment_from(
    name: str, conda: Path | None, requirements: Path | None, packages: Sequence[str] | None, python: str | None
) -> Environment | None:
    """Return the environment that the options describe, None when none of them is given."""
    from orris.sdk.environment import Environment

    given = [
        option
        for option, value in (("--conda", conda), ("--requirements", requirements), ("--package", packages))
        if value
    ]
    version = python if python and python.replace(".", "").isdigit() else ""
    if python and not version:
        given.append("--python PATH")
    if len(given) > 1:
        raise typer.BadParameter(f"give one of {', '.join(given)}: they say different things", param_hint=given[-1])
    if conda and version:
        raise typer.BadParameter("the conda file says which Python", param_hint="--python")
    if conda:
        return Environment.from_conda_specification(name, conda)
    if requirements:
        return Environment.from_pip_requirements(name, requirements, version)
    if packages or version:
        return Environment(name, pip_packages=packages or (), python_version=version)
    return Environment.from_existing_interpreter(name, _absolute(python)) if python else None


def _absolute(interpreter: str) -> str:
    """Return the interpreter as it is found from anywhere: not resolved, for a virtual environment's is a link."""
    path = os.path.expanduser(interpreter)
    return os.path.abspath(path) if os.sep in path else path


def time_from(text: str, option: str) -> timedelta:
    """Return the length of time that an option says."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?) ?(s|min|m|h|d|w)", text)
    try:
        if found:
            return timedelta(**{_UNITS[found[2]]: float(found[1])})
    except OverflowError:
        pass
    raise typer.BadParameter(f"{text!r} is no time; write it like 90m, 24h or 7d", param_hint=option)
