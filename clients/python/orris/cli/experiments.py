"""Experiments: list, update."""

from __future__ import annotations

from typing import Annotated

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace
from orris.cli.output import ago, print_json, print_table

app = typer.Typer(name="experiments", help="Experiments, which runs belong to.", no_args_is_help=True)


@app.command("list")
def list_(workspace: InWorkspace = None, json: AsJson = False) -> None:
    """List experiments by name."""
    from orris.sdk.experiment import Experiment

    found = Experiment.list(open_workspace(workspace))
    if json:
        print_json(
            [
                {
                    "name": each.name,
                    "createTimeUtc": each.created.isoformat() if each.created else None,
                    "maxConcurrentRuns": each.max_concurrent_runs,
                }
                for each in found
            ]
        )
        return
    rows = ([each.name, ago(each.created), str(each.max_concurrent_runs or "")] for each in found)
    print_table(("EXPERIMENT", "CREATED", "AT A TIME"), rows, empty="no experiments")


@app.command()
def update(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its name; it need not exist yet.")],
    max_concurrent: Annotated[
        int,
        typer.Option(
            "--max-concurrent", metavar="N", min=0, help="Execute so many of its runs at a time; 0: any number."
        ),
    ],
    workspace: InWorkspace = None,
) -> None:
    """Change an experiment. Runs that are executed already go on."""
    from orris.sdk.experiment import Experiment

    updated = Experiment(open_workspace(workspace), experiment).update(max_concurrent_runs=max_concurrent)
    say(f"{updated.name}: {updated.max_concurrent_runs or 'any number of'} runs at a time")
