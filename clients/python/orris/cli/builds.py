"""Builds: list, show, logs, cancel."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace
from orris.cli.output import ago, duration, print_fields, print_json, print_table

if TYPE_CHECKING:
    from orris.sdk.build import Build

app = typer.Typer(name="builds", help="Builds of environments' images.", no_args_is_help=True)

BuildId = Annotated[str, typer.Argument(metavar="BUILD", help="Id of the build.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="Most to show.")] = 20,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List builds, newest first."""
    from orris.sdk.build import Build

    found = list(islice(Build.list(open_workspace(workspace)), limit))
    if json:
        print_json([summary(each) for each in found])
        return
    rows = ([each.id, _status(each), ago(each.created), described(each), each.error or each.progress] for each in found)
    print_table(("BUILD", "STATUS", "CREATED", "OF", "REASON"), rows, empty="no builds")


@app.command()
def show(build: BuildId, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show how a build stands."""
    found = _find(workspace, build)
    if json:
        print_json(summary(found))
        return
    print_fields(
        {
            "build": found.id,
            "status": _status(found),
            "doing": found.progress,
            "error": found.error,
            "warnings": [*found.warnings],
            "of": described(found),
            "image": found.image.rpartition("/")[2],
            "created": found.created,
            "took": None if found.seconds is None else duration(found.seconds),
        }
    )


@app.command()
def logs(
    build: BuildId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on to its end.")] = False,
    workspace: InWorkspace = None,
) -> None:
    """Print a build's log. Ctrl-C leaves the build alone."""
    from orris.cli.building import show_to_the_end

    found = _find(workspace, build)
    if follow:
        show_to_the_end(found)
        return
    for data in found.log(follow=False):
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@app.command()
def cancel(
    build: Annotated[list[str], typer.Argument(metavar="BUILD...", help="Ids of the builds.")],
    workspace: InWorkspace = None,
) -> None:
    """Cancel builds. Those that have ended stay as they are."""
    for each in build:
        found = _find(workspace, each)
        found.cancel()
        say(f"{found.id}: {found.status}")


def summary(build: Build) -> dict[str, Any]:
    """Return what is known of a build, for programs."""
    return {
        "id": build.id,
        "environment": build.environment or None,
        "status": build.status,
        "progressPercent": build.progress_percent,
        "progress": build.progress or None,
        "image": build.image.rpartition("/")[2] or None,
        "cached": build.cached,
        "error": build.error or None,
        "warnings": build.warnings,
        "createTimeUtc": build.created.isoformat() if build.created else None,
        "seconds": build.seconds,
    }


def described(build: Build) -> str:
    """Return what it is a build of: `NAME:VERSION`, or empty for an image without an environment."""
    return build.environment.partition("/environments/")[2].replace("/versions/", ":")


def _status(build: Build) -> str:
    return build.status if build.finished else f"{build.status} {build.progress_percent} %"


def _find(workspace: str | None, build: str) -> Build:
    from orris.sdk.build import Build

    return Build.get(open_workspace(workspace), build)
