"""Submit a script."""

from __future__ import annotations

import sys
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
    misplaced,
    open_workspace,
    pairs,
)
from orris.cli.output import print_json
from orris.cli.script_options import (
    InExperiment,
    InPool,
    Inputs,
    MaxRetries,
    RegisteredEnvironment,
    SourceFolder,
    SpreadBy,
    TimeLimit,
    Variables,
    environment_for,
    experiment_of,
    place,
)


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
    source_dir: SourceFolder = None,
    environment: RegisteredEnvironment = None,
    conda: CondaFile = None,
    requirements: RequirementsFile = None,
    package: Packages = None,
    python: Python = None,
    experiment: InExperiment = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of the run, for people.")] = None,
    env: Variables = None,
    inputs: Inputs = None,
    tag: Tags = None,
    time_limit: TimeLimit = None,
    isolation: WithIsolation = None,
    cpus: Cpus = None,
    memory: Memory = None,
    gpus: Gpus = None,
    pids: Pids = None,
    shm: SharedMemory = None,
    no_network: NoNetwork = False,
    pool: InPool = None,
    priority: Annotated[
        int, typer.Option(metavar="NUMBER", min=-100, max=100, help="Of those that wait, the highest is next.")
    ] = 0,
    max_retries: MaxRetries = 0,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Take over the results of an identical run that has completed.")
    ] = False,
    distribution: SpreadBy = None,
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
    chosen = environment_for(group, environment, conda, requirements, package, python)
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
    config.environment = chosen or config.environment
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
