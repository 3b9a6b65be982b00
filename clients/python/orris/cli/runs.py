"""Runs: list, show, logs, cancel, metrics, usage, files, download."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.data import data_text
from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, RunId, Tags, find_run, open_workspace, pairs
from orris.cli.output import ago, duration, print_fields, print_json, print_table, size
from orris.cli.usage import show_usage, used_text

if TYPE_CHECKING:
    from orris.sdk.run import Run

SeveralRuns = Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of the runs.")]

app = typer.Typer(name="runs", help="Runs and what they left.", no_args_is_help=True)


@app.command("list")
def list_(
    experiment: Annotated[str | None, typer.Option("--experiment", "-x", metavar="NAME")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="For example Running or Failed.")] = None,
    tag: Tags = None,
    limit: Annotated[int, typer.Option(min=1, help="Most to show.")] = 20,
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs instead.")] = False,
    children: Annotated[bool, typer.Option("--children", help="Runs that are children of others as well.")] = False,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from orris.sdk.experiment import Experiment

    place = open_workspace(workspace)
    filters: dict[str, Any] = {
        "tags": pairs(tag, "--tag"),
        "status": status,
        "limit": limit,
        "archived": archived,
        "include_children": children,
    }
    runs = Experiment(place, experiment).get_runs(**filters) if experiment else place.runs(**filters)
    if json:
        print_json([_summary(run) for run in runs])
        return
    rows = ([run.id, shown_status(run), ago(run.created), _named(run), run.error or run.status_reason] for run in runs)
    print_table(("RUN", "STATUS", "CREATED", "NAME", "REASON"), rows, empty="no runs")


@app.command()
def show(run: RunId, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show all that is known of a run."""
    from orris.sdk.resources import resources_text

    found = find_run(open_workspace(workspace), run)
    details = found.get_details()
    if json:
        print_json({**details, "metrics": found.get_metrics()})
        return
    definition = details["runDefinition"]
    environment = definition["environment"]
    print_fields(
        {
            "run": found.id,
            "name": _named(found),
            "status": ": ".join(filter(None, [shown_status(found), found.status_reason])),
            "error": f"{found.error_code}: {found.error}" if found.error else "",
            "details": found.message.error.details,
            "warnings": found.warnings,
            "experiment": found.experiment.name,
            "script": " ".join([definition["script"] or "", *definition["command"], *definition["arguments"]]).strip(),
            "environment": ":".join(filter(None, environment.values())),
            "image": details.get("image", ""),
            "data": [data_text(each.name, each.dataset, each.tree) for each in found.message.inputs],
            "asked for": [data_text("", each.dataset, each.tree) for each in found.message.datasets_read],
            "leaves": [data_text(each.name, each.dataset, each.tree) for each in found.message.outputs_to],
            "isolation": ", ".join(
                filter(None, [definition["isolation"], "" if definition["network"] else "no network"])
            ),
            "resources": resources_text(found.message.resources),
            "pool": definition["target"],
            "spread by": definition["distribution"] or "",
            "priority": definition["priority"],
            "attempt": f"{details['attempt']} of {definition['maxRetries'] + 1}" if definition["maxRetries"] else "",
            "failed before": [each["error"] for each in details.get("failedAttempts", [])],
            "results of": found.message.reused_run.rpartition("/")[2],
            "agent": found.message.agent.rpartition("/")[2],
            "submitted by": details["submittedBy"],
            "submitted": found.created,
            "started": found.started,
            "ended": found.ended,
            "stages": [_stage_text(each) for each in details.get("stages", [])],
            "used": used_text(found),
            "tags": found.tags,
            "properties": found.properties,
            "metrics": {name: _short(value) for name, value in found.get_metrics().items()},
            "not kept": list(found.message.left_behind),
        }
    )


@app.command()
def logs(
    run: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    file: Annotated[str | None, typer.Option(metavar="NAME", help="Another log than what the script prints.")] = None,
    workspace: InWorkspace = None,
) -> None:
    """Print what a run has written. Ctrl-C leaves the run alone."""
    from orris.cli.live import follow_to_the_end
    from orris.sdk.failures import StillRunning
    from orris.sdk.waiting import goes_on

    found = find_run(open_workspace(workspace), run)
    if follow and file is None:
        follow_to_the_end(found)
        return
    try:
        for data in found.follow_log(file, follow=follow):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        raise StillRunning(goes_on(found)) from None


@app.command()
def cancel(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of the runs.")],
    reason: Annotated[str, typer.Option(help="Why, for people.")] = "",
    workspace: InWorkspace = None,
) -> None:
    """Cancel runs. Those that have ended stay as they are."""
    place = open_workspace(workspace)
    for each in run:
        found = find_run(place, each)
        found.cancel(reason)
        say(f"{found.id}: {found.status}")


@app.command()
def archive(run: SeveralRuns, workspace: InWorkspace = None) -> None:
    """Let lists leave runs out unless they are asked for archived ones. Nothing is removed."""
    for found in _all(run, workspace):
        found.archive()
        say(f"{found.id}: archived")


@app.command()
def unarchive(run: SeveralRuns, workspace: InWorkspace = None) -> None:
    """Let lists have archived runs again."""
    for found in _all(run, workspace):
        found.unarchive()
        say(f"{found.id}: no longer archived")


@app.command()
def delete(
    run: SeveralRuns,
    children: Annotated[bool, typer.Option("--children", help="Also the runs below them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: InWorkspace = None,
) -> None:
    """Delete runs that have ended, with their logs, metrics and files. Models registered from them stay."""
    wanted = _all(run, workspace)
    if not yes:
        typer.confirm(f"Delete {', '.join(found.id for found in wanted)} for good?", abort=True, err=True)
    for found in wanted:
        found.delete(children=children)
        say(f"{found.id}: deleted")


@app.command()
def metrics(
    run: RunId,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Only this metric.")] = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Print a run's metrics."""
    found = find_run(open_workspace(workspace), run).get_metrics(name)
    if json:
        print_json(found)
        return
    rows = ([key, _short(value)] for key, value in found.items())
    print_table(("METRIC", "VALUE"), rows, empty="no metrics")


@app.command()
def usage(run: RunId, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show the processors and the memory that a run used."""
    found = find_run(open_workspace(workspace), run)
    if json:
        print_json([asdict(sample) for sample in found.get_usage()])
        return
    show_usage(found)


@app.command()
def files(run: RunId, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """List the files of a run: what it kept, and its logs."""
    from orris.sdk.run_files import sizes

    found = sizes(find_run(open_workspace(workspace), run))
    if json:
        print_json([{"name": name, "size": count} for name, count in found.items()])
        return
    rows = ([name, "" if count is None else size(count)] for name, count in found.items())
    print_table(("FILE", "SIZE"), rows, empty="no files yet: outputs are kept when the run has ended")


@app.command()
def download(
    run: RunId,
    prefix: Annotated[str, typer.Argument(metavar="[FILE|FOLDER]", help="Only this, by default all.")] = "",
    output: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it left in this OutputFileDatasetConfig instead.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", "-o", metavar="FOLDER", help="Where to.")] = Path("."),
    workspace: InWorkspace = None,
) -> None:
    """Save a run's files, also where it has failed.

    They are its logs and what it kept in outputs/; with --output, what it left in a folder for data.
    """
    from orris.errors import NotFound

    found = find_run(open_workspace(workspace), run)
    saved = found.download_output(output, into, prefix) if output else found.download_files(prefix, into)
    if not saved:
        what = f"no file {prefix}" if prefix else "no files yet"
        raise NotFound(f"run {found.id} has {what}; see `orris runs files {found.id}`")
    for path in saved:
        typer.echo(path)
    if not output:
        for each in found.message.outputs_to:
            if each.tree:
                say(f"its output {each.name}: orris runs download {found.id} --output {each.name}")


def _all(names: list[str], workspace: str | None) -> list[Run]:
    """Return the runs of these ids: all are there before anything is done to one."""
    place = open_workspace(workspace)
    return [find_run(place, name) for name in names]


def _summary(run: Run) -> dict[str, Any]:
    return {
        "runId": run.id,
        "name": run.name,
        "experiment": run.experiment.name,
        "status": run.status,
        "earlyStopped": run.early_stopped or None,
        "statusReason": run.status_reason,
        "error": run.error or None,
        "errorCode": run.error_code or None,
        "createTimeUtc": run.created.isoformat() if run.created else None,
        "tags": run.tags,
        "properties": run.properties,
    }


def shown_status(run: Run) -> str:
    """Return a run's status; of one that its sweep's policy ended, that."""
    return "EarlyStopped" if run.early_stopped and run.status == "Canceled" else run.status


def _named(run: Run) -> str:
    return run.name if run.name != run.id else ""


def _stage_text(stage: dict[str, Any]) -> str:
    name = "post-processing" if stage["stage"] == "PostProcessing" else stage["stage"].lower()
    begun = datetime.fromisoformat(stage["startTimeUtc"]).astimezone()
    length = "goes on" if stage["seconds"] is None else duration(stage["seconds"])
    return f"{name} from {begun:%H:%M:%S}: {length}"


def _short(value: Any) -> str:
    """Return a metric's value in one line."""
    if isinstance(value, dict):
        rows = max(map(len, value.values()), default=0)
        return f"{rows} rows of {', '.join(value)}"
    if isinstance(value, list) and len(value) > 5:
        return f"{', '.join(map(_number, value[:2]))}, … {_number(value[-1])} ({len(value)} values)"
    return ", ".join(map(_number, value)) if isinstance(value, list) else _number(value)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
