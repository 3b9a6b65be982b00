"""Submit a script."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orris.cli.confinement import (
    Cpus,
    Gpus,
    Memory,
    NoNetwork,
    Pids,
    SharedMemory,
    WithIsolation,
    resources_from,
)
from orris.cli.data import inputs_from
from orris.cli.failures import say
from orris.cli.options import (
    AsJson,
    CondaFile,
    InWorkspace,
    Packages,
    Python,
    RequirementsFile,
    Tags,
    environment_from,
    misplaced,
    open_workspace,
    pairs,
)
from orris.cli.output import print_json


class Distribution(StrEnum):
    """How the work of one script is spread."""

    JOBLIB = "joblib"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    # What follows the script is the script's, options included.
    app.command(context_settings={"allow_interspersed_args": False})(submit)


def submit(
    context: typer.Context,
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="The Python script.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="Its arguments, untouched.")
    ] = None,
    source_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="What the script gets to work with; by default the working directory."),
    ] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", metavar="NAME[:VERSION]", help="A registered environment.")
    ] = None,
    conda: CondaFile = None,
    requirements: RequirementsFile = None,
    package: Packages = None,
    python: Python = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", "-x", metavar="NAME", help="By default named after the script.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of the run, for people.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="KEY=VALUE", help="Environment variable; may be repeated.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=DATASET[:VERSION][:MODE]",
            help="Data for the script, which finds it by the variable NAME, or as ${{inputs.NAME}} in its arguments.",
        ),
    ] = None,
    tag: Tags = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="SECONDS", help="End the run after that long.")
    ] = None,
    isolation: WithIsolation = None,
    cpus: Cpus = None,
    memory: Memory = None,
    gpus: Gpus = None,
    pids: Pids = None,
    shm: SharedMemory = None,
    no_network: NoNetwork = False,
    pool: Annotated[str | None, typer.Option("--pool", metavar="NAME", help="Machines that may execute it.")] = None,
    priority: Annotated[
        int, typer.Option(metavar="NUMBER", min=-100, max=100, help="Of those that wait, the highest is next.")
    ] = 0,
    max_retries: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=100, help="Execute it anew, so often, where a machine failed or was lost."
        ),
    ] = 0,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Take over the results of an identical run that has completed.")
    ] = False,
    distribution: Annotated[
        Distribution | None,
        typer.Option(help="Spread what the script gives joblib (n_jobs) over the machines of a pool on Ray."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show the run's output to its end.")] = True,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Submit a script and show its output live. Options of Orris stand before the script, the script's after it."""
    from orris.cli.live import follow_to_the_end
    from orris.sdk.experiment import Experiment
    from orris.sdk.script_run_config import ScriptRunConfig

    if behind := misplaced(context, script, arguments):
        say(f"warning: {behind}")
    folder, inside = place(script, source_dir)
    group = experiment or experiment_of(inside)
    described = environment_from(group, conda, requirements, package, python)
    if described and environment:
        raise typer.BadParameter("is registered already: leave out what describes another", param_hint="--environment")
    config = ScriptRunConfig(
        source_directory=folder,
        script=inside,
        arguments=arguments or [],
        environment_variables=pairs(env, "--env"),
        max_run_duration_seconds=time_limit,
        compute_target=pool,
        display_name=name,
        isolation=isolation.value if isolation else None,
        resources=resources_from(cpus, memory, gpus, pids, shm),
        network=not no_network,
        priority=priority,
        max_retries=max_retries,
        reuse=reuse,
        distribution=distribution.value if distribution else None,
    )
    config.environment = described or environment or config.environment
    where = open_workspace(workspace)
    config.inputs = inputs_from(where, inputs)
    run = Experiment(where, group).submit(config, tags=pairs(tag, "--tag"))
    if not wait:
        print_json(run.get_details()) if json else typer.echo(run.id)
        return
    say(f"Run {run.id}")
    try:
        # JSON is for programs: then the script's output goes where people look.
        follow_to_the_end(run, sys.stderr.buffer if json else None)
    finally:
        if json and run.finished:
            print_json(run.get_details())


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
