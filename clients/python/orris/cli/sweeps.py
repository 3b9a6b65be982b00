"""Sweeps: list, show, watch."""

from __future__ import annotations

from typing import Annotated

import typer

from orris.cli.options import AsJson, InWorkspace, RunId, open_workspace
from orris.cli.output import ago, print_fields, print_json, print_table
from orris.cli.sweep import find_sweep, follow, summary, trial_summary

app = typer.Typer(
    name="sweeps", help="Sweeps and their trials; canceled, archived, deleted as runs.", no_args_is_help=True
)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="Most to show.")] = 20,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List sweeps, newest first."""
    runs = list(open_workspace(workspace).runs(kind="sweep", limit=limit))
    if json:
        print_json([{"runId": run.id, "status": run.status, "statusReason": run.status_reason} for run in runs])
        return
    rows = ([run.id, run.status, ago(run.created), run.error or run.status_reason] for run in runs)
    print_table(("SWEEP", "STATUS", "CREATED", "RESULT"), rows, empty="no sweeps")


@app.command()
def show(
    sweep: RunId,
    in_order: Annotated[bool, typer.Option("--in-order", help="By number, not the best first.")] = False,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Show a sweep and its trials, the best first."""
    from orris.sdk.sweep_view import hyperparameters_text, number

    found = find_sweep(open_workspace(workspace), sweep)
    trials = found.get_trials(best_first=not in_order)
    if json:
        print_json({**summary(found), "trials": [trial_summary(trial) for trial in trials]})
        return
    print_fields(
        {
            "sweep": found.id,
            "status": f"{found.status}: {found.status_reason}" if found.status_reason else found.status,
            "error": found.error,
            "experiment": found.experiment.name,
            "metric": found.metric,
            "trials": f"{found.sweep_message.counts.total} of {found.sweep_message.planned_trials}",
            "seed": found.sweep_message.sampling.seed,
            "warnings": found.warnings,
            "submitted": found.created,
            "ended": found.ended,
        }
    )
    typer.echo()
    rows = (
        [
            trial.number,
            trial.status,
            number(trial.best_value),
            hyperparameters_text(trial.hyperparameters),
            trial.early_stopped or trial.reason,
        ]
        for trial in trials
    )
    print_table(("TRIAL", "STATUS", found.metric.upper(), "HYPERPARAMETERS", "REASON"), rows, empty="no trials yet")


@app.command()
def watch(sweep: RunId, workspace: InWorkspace = None) -> None:
    """Show a sweep live until it is over. Ctrl-C leaves it alone."""
    follow(find_sweep(open_workspace(workspace), sweep))
