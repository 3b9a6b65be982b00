"""Sweep over the hyperparameters of a script."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.confinement import Cpus, Memory, WithIsolation, resources_from
from orris.cli.data import inputs_from
from orris.cli.failures import FAILED, say
from orris.cli.options import (
    AsJson,
    CondaFile,
    InWorkspace,
    Packages,
    Python,
    RequirementsFile,
    Tags,
    find_run,
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

if TYPE_CHECKING:
    from orris.sdk.sweep import Sweep, Trial
    from orris.sdk.workspace import Workspace

PIPED_COLUMNS = 200
REFRESHES = 4  # a second


class Goal(StrEnum):
    """Which values of the metric are better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Sampling(StrEnum):
    """How hyperparameters are chosen."""

    GRID = "grid"
    RANDOM = "random"
    SOBOL = "sobol"
    TPE = "tpe"
    BAYESIAN = "bayesian"
    GAUSSIAN_PROCESS = "gp"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    # What follows the script is the script's, options included.
    app.command(context_settings={"allow_interspersed_args": False})(sweep)


def sweep(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="SCRIPT|FILE", help="The Python script, or a YAML file.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="Further arguments of the script.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME=VALUES",
            help="A hyperparameter, for example kernel=choice:linear,rbf or C=loguniform:-3,1; may be repeated.",
        ),
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="What the script logs, and is compared.")] = None,
    goal: Annotated[Goal | None, typer.Option(help="Which values are better; by default large ones.")] = None,
    sampling: Annotated[Sampling | None, typer.Option(help="By default a grid of choices, else at random.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="NUMBER", help="The same chooses the same again.")] = None,
    max_total: Annotated[int | None, typer.Option("--max-total", metavar="N", help="Trials at most.")] = None,
    max_concurrent: Annotated[
        int | None, typer.Option("--max-concurrent", metavar="N", help="Trials at a time.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", metavar="N", help="How long it goes on at most.")
    ] = None,
    resume_from: Annotated[
        list[str] | None,
        typer.Option(metavar="SWEEP", help="An earlier sweep to learn from, or `latest`; may be repeated."),
    ] = None,
    resume_run: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="A trial whose hyperparameters are tried first; may be repeated."),
    ] = None,
    source_dir: SourceFolder = None,
    environment: RegisteredEnvironment = None,
    conda: CondaFile = None,
    requirements: RequirementsFile = None,
    package: Packages = None,
    python: Python = None,
    experiment: InExperiment = None,
    env: Variables = None,
    inputs: Inputs = None,
    tag: Tags = None,
    time_limit: TimeLimit = None,
    isolation: WithIsolation = None,
    cpus: Cpus = None,
    memory: Memory = None,
    pool: InPool = None,
    max_retries: MaxRetries = 0,
    distribution: SpreadBy = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Show how it goes to its end.")] = True,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Run a script with many hyperparameters and find the best. Options of Orris stand before the script.

    A YAML file has `script:`, `space:`, `metric:` and, if wanted, `sampling:`, `policy:`, `limits:`, `resume_from:`.
    """
    from orris.sdk.experiment import Experiment
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.sweep_config import SweepConfig

    behind = misplaced(context, target, arguments)
    described = _described(target, param, behind)
    script = described.pop("script", None) or target
    folder, inside = place(str(script), source_dir)
    group = experiment or described.pop("experiment", None) or experiment_of(inside)
    described.pop("experiment", None)
    given = {
        "metric": metric,
        "goal": goal.value if goal else None,
        "sampling": sampling.value if sampling else None,
        "seed": seed,
        "max_total_runs": max_total,
        "max_concurrent_runs": max_concurrent,
        "max_duration_minutes": max_minutes,
    }
    described.update({name: value for name, value in given.items() if value is not None})
    if not described.get("metric"):
        raise typer.BadParameter(behind or "name what the script logs and is compared", param_hint="--metric")
    if behind:
        say(f"warning: {behind}")
    run = ScriptRunConfig(
        source_directory=folder,
        script=inside,
        arguments=[*described.pop("arguments", []), *(arguments or [])],
        environment_variables=pairs(env, "--env"),
        max_run_duration_seconds=time_limit,
        compute_target=pool,
        isolation=isolation.value if isolation else None,
        resources=resources_from(cpus, memory, None, None, None),
        max_retries=max_retries,
        distribution=distribution.value if distribution else None,
    )
    named = described.pop("environment", None)
    chosen = environment_for(group, environment, conda, requirements, package, python)
    run.environment = chosen or named or run.environment
    where = open_workspace(workspace)
    run.inputs = inputs_from(where, inputs)
    described["resume_from"] = [
        find_sweep(where, str(each)) for each in resume_from or described.get("resume_from", ())
    ]
    described["resume_runs"] = [find_run(where, str(each)) for each in resume_run or described.get("resume_runs", ())]
    config = SweepConfig(script=run, **described)
    begun = Experiment(where, group).sweep(config, tags=pairs(tag, "--tag"))
    if not wait:
        print_json(summary(begun)) if json else typer.echo(begun.id)
        return
    say(f"Sweep {begun.id}")
    follow(begun, json=json)


def follow(sweep: Sweep, *, json: bool = False) -> None:
    """Show a sweep until it is over: live in a terminal, else what ends, line by line. Ctrl-C leaves it alone.

    Raises typer.Exit(1) unless it Completed.
    """
    from orris.sdk.failures import StillRunning
    from orris.sdk.waiting import goes_on

    try:
        trials = _live(sweep) if sys.stdout.isatty() and not json else _line_by_line(sweep)
    except KeyboardInterrupt:
        raise StillRunning(goes_on(sweep)) from None
    if json:
        print_json({**summary(sweep), "trials": [trial_summary(trial) for trial in trials.values()]})
    if sweep.status != "Completed":
        raise typer.Exit(FAILED)


def find_sweep(workspace: Workspace, run_id: str) -> Sweep:
    """Return a sweep, for `latest` the newest. Raises NotFound."""
    from orris.errors import NotFound
    from orris.sdk.sweep import Sweep

    if run_id != "latest":
        return Sweep.get(workspace, run_id)
    newest = next(workspace.runs(kind="sweep", limit=1), None)
    if newest is None:
        raise NotFound(f"there are no sweeps in workspace {workspace.name} yet: begin one with `orris sweep SCRIPT`")
    return Sweep.get(workspace, newest.id)


def summary(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep for programs."""
    best = sweep.best
    return {
        "runId": sweep.id,
        "experiment": sweep.experiment.name,
        "status": sweep.status,
        "statusReason": sweep.status_reason,
        "error": sweep.error or None,
        "metric": sweep.metric,
        "plannedTrials": sweep.sweep_message.planned_trials,
        "seed": sweep.sweep_message.sampling.seed,
        "best": trial_summary(best) if best else None,
        "warnings": sweep.warnings,
    }


def trial_summary(trial: Trial) -> dict[str, Any]:
    """Return a trial for programs."""
    return {
        "number": trial.number,
        "runId": trial.run_id,
        "status": trial.status,
        "hyperparameters": trial.hyperparameters,
        "best": trial.best_value,
        "intervals": trial.interval,
        "earlyStopped": trial.early_stopped or None,
        "reason": trial.reason,
    }


def _described(target: str, param: list[str] | None, behind: str) -> dict[str, Any]:
    from orris.cli.sweep_file import parse_parameters, read_sweep
    from orris.errors import InvalidArgument

    described = read_sweep(Path(target)) if Path(target).suffix in (".yml", ".yaml") else {}
    if described and "script" not in described:
        raise typer.BadParameter(f"{target} names no `script:`", param_hint="SCRIPT|FILE")
    if described:
        # Found from the file, as it was written.
        described["script"] = str(Path(target).parent / described["script"])
    try:
        more = parse_parameters(param or ())
    except InvalidArgument as error:
        raise typer.BadParameter(error.message, param_hint="--param") from None
    described["parameters"] = {**described.get("parameters", {}), **more}
    if not described["parameters"]:
        wrong = behind or "give the hyperparameters, for example C=uniform:0.1,10"
        raise typer.BadParameter(wrong, param_hint="--param")
    return described


def _live(sweep: Sweep) -> dict[int, Trial]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from orris.sdk.sweep_view import Lanes, lines_of

    lanes, trials = Lanes(), dict[int, "Trial"]()
    console = Console()

    def shown() -> Text:
        lines = lines_of(sweep, trials, lanes.seat(trials), console.width)
        text = Text("\n".join(lines[: max(console.height - 1, 3)]))
        text.highlight_regex(r"(?m)^[A-Z][A-Z0-9 _/-]+$", "bold")
        text.highlight_regex(r"(?m)^best: .*$", "bold green")
        text.highlight_regex(r"\bFailed\b", "red")
        text.highlight_regex(r"\b(Early|Canceled)\b", "yellow")
        text.highlight_regex(r"(?m)^warning: .*$", "yellow")
        return text

    # Times go on while nothing changes.
    with Live(get_renderable=shown, console=console, refresh_per_second=REFRESHES):
        for seen in sweep.watch():
            trials = seen
    return trials


def _line_by_line(sweep: Sweep) -> dict[int, Trial]:
    """Say on standard error what ends and what is wrong, as it comes, and in the end print the whole."""
    from orris.sdk.sweep_view import hyperparameters_text, lines_of, number

    told: set[int] = set()
    warned = 0
    trials: dict[int, Trial] = {}
    for trials in sweep.watch():
        for warning in sweep.warnings[warned:]:
            say(f"warning: {warning}")
        warned = len(sweep.warnings)
        for trial in trials.values():
            if trial.finished and trial.number not in told:
                told.add(trial.number)
                text = f"{number(trial.best_value)}, {hyperparameters_text(trial.hyperparameters)}{_why(trial)}"
                say(f"trial {trial.number} {trial.status}: {sweep.metric} {text}")
    width = shutil.get_terminal_size((PIPED_COLUMNS, 50)).columns
    say("\n".join(lines_of(sweep, trials, [], width)))
    return trials


def _why(trial: Trial) -> str:
    return f": {trial.reason.splitlines()[0]}" if trial.status == "Failed" and trial.reason else ""
