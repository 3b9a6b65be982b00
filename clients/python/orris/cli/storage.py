"""Storage: how much is kept, and getting rid of what nobody needs any more."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, time_from
from orris.cli.output import ago, print_fields, print_json, print_table, size

if TYPE_CHECKING:
    from orris.sdk.storage import Garbage
    from orris.sdk.workspace import Workspace

LINE_EVERY_SECONDS = 5.0

OnlyWorkspace = Annotated[
    str | None,
    typer.Option("--workspace", "-w", envvar="ORRIS_WORKSPACE", show_envvar=False, metavar="NAME", help="Only this."),
]
Grace = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Keep what was used within this time: 90m, 24h, 7d; at least 10m."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would be collected.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (storage, gc):
        app.command()(command)


def storage(workspace: OnlyWorkspace = None, json: AsJson = False) -> None:
    """Show how much each workspace keeps.

    FILES counts the files of all runs and models, SIZE their bytes. KEPT is what that takes: what is the same is there
    once.
    """
    from orris.sdk.storage import storage_of

    found = {each.name: storage_of(each) for each in _workspaces(workspace)}
    if json:
        print_json([{"workspace": name, **asdict(each), "ratio": each.deduplication} for name, each in found.items()])
    elif workspace:
        each = found[workspace]
        damaged = f"{each.damaged_blobs}, to be uploaded again" if each.damaged_blobs else ""
        print_fields(
            {
                "workspace": workspace,
                "files": f"{each.files} in {each.trees} trees, {size(each.file_bytes)}",
                "kept": f"{size(each.blob_bytes)} in {each.blobs} blobs",
                "ratio": _ratio(each.deduplication),
                "damaged": damaged,
                "owners": each.owners,
                "collected": ago(each.collected) or "never",
            }
        )
    else:
        rows = [
            [
                name,
                each.trees,
                each.files,
                size(each.file_bytes),
                size(each.blob_bytes),
                _ratio(each.deduplication),
                ago(each.collected) or "never",
            ]
            for name, each in found.items()
        ]
        titles = ("WORKSPACE", "TREES", "FILES", "SIZE", "KEPT", "RATIO", "COLLECTED")
        print_table(titles, rows, empty="no workspaces")
        for name, each in found.items():
            if each.damaged_blobs:
                typer.echo(f"{name}: damaged blobs: {each.damaged_blobs}, to be uploaded again", err=True)


def gc(workspace: OnlyWorkspace = None, grace: Grace = None, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Free what no run, model or endpoint needs any more.

    It is done by itself every few hours, too.
    """
    from orris.sdk.storage import collect_garbage

    kept = None if grace is None else time_from(grace, "--grace")
    found = {}
    for each in _workspaces(workspace):
        with _progress(each.name) as progress:
            found[each.name] = collect_garbage(each, kept, dry_run=dry_run, progress=progress)
        if not json:
            typer.echo(f"{each.name}: {_summary(found[each.name], dry_run)}")
    if json:
        print_json([{"workspace": name, **asdict(each)} for name, each in found.items()])


def _workspaces(name: str | None) -> list[Workspace]:
    from orris.sdk.workspace import Workspace

    return [Workspace(name)] if name else Workspace.list()


def _summary(garbage: Garbage, dry_run: bool) -> str:
    what = f"{_count(garbage.trees, 'tree')} and {_count(garbage.blobs, 'blob')} of {size(garbage.blob_bytes)}"
    if not (garbage.trees or garbage.blobs or garbage.objects):
        return "nothing to collect"
    if dry_run:
        return f"{what} would be collected"
    return f"{what} collected, {size(garbage.object_bytes)} freed"


@contextmanager
def _progress(workspace: str) -> Iterator[Callable[[Garbage], None]]:
    """Give what tells on standard error what was found until now: live in a terminal, else a line now and then."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(f"{workspace}: looking for garbage") as status:
            yield lambda found: status.update(_so_far(workspace, found))
        return
    spoken = time.monotonic()

    def tell(found: Garbage) -> None:
        nonlocal spoken
        if time.monotonic() - spoken >= LINE_EVERY_SECONDS:
            spoken = time.monotonic()
            say(_so_far(workspace, found))

    yield tell


def _so_far(workspace: str, found: Garbage) -> str:
    return (
        f"{workspace}: {_count(found.trees, 'tree')}, {_count(found.blobs, 'blob')}, {size(found.object_bytes)} freed"
    )


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
